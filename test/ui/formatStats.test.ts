import { expect, it } from 'vitest'
import { parseCnx } from '../../src/base/units.js'
import { formatNodes } from '../../src/ui/formatStats.js'

const node = {
  address: '0xc3349b26449fc57D96EEB784260b390f50D8118f',
  status: 'available',
  stakeWei: parseCnx('400'),
  penalties: 1,
  penaltiesWei: parseCnx('8'),
  slashes: 1,
  slashedWei: parseCnx('400'),
  earningsWei: parseCnx('166.666666666666666666'),
  completed: 12,
  failed: 1,
  successRate: 12 / 13,
} as const

it('shows the nodes in at most 100 columns', () => {
  const lines = formatNodes({
    nodes: [node, { ...node, status: 'pausePending' }, { ...node, status: 'none', earningsWei: 1n, successRate: null }],
  }).split('\n')
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100)
  expect(lines.map((line) => line.slice(44))).toEqual([
    'STATUS     STAKE CNX  FINED  SLASHED  EARNED  TASKS OK',
    'available        400      8      400  166.66  12 (92%)',
    'pausing          400      8      400  166.66  12 (92%)',
    'slashed          400      8      400   <0.01         -',
  ])
})
