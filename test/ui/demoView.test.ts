import { expect, it } from 'vitest'
import { type DemoReport, formatDemo } from '../../src/ui/demoView.js'

const address = (digit: string) => `0x${digit.repeat(40)}` as const
const node = (number: number, change: Partial<DemoReport['nodes'][number]> = {}) => ({
  number,
  address: address(String(number)),
  score: '0xdf7a682a35a6d282' as const,
  agrees: true,
  paidWei: `${10n ** 19n}`,
  ...change,
})

const REPORT: DemoReport = {
  picture: '/somewhere/picture.png',
  taskId: `0x${'7'.repeat(64)}`,
  score: '0xdf7a682a35a6d282',
  agreed: true,
  nodes: [node(1), node(2), node(3)],
  application: address('a'),
  feeWei: `${3n * 10n ** 19n}`,
  gas: [
    { transaction: 'joinWithPermit', count: 3, leastGas: '217509', mostGas: '463114', totalGas: '898144' },
    { transaction: 'createTask', count: 1, leastGas: '101158', mostGas: '101158', totalGas: '101158' },
    { transaction: 'commit', count: 3, leastGas: '60035', mostGas: '63801', totalGas: '183960' },
  ],
  timings: [
    { what: 'start the network', ms: 11_040 },
    { what: 'together', ms: 19_300 },
  ],
  relay: { blobs: 0, holdsResult: false, deletion: { deletedAt: 1_795_248_000, signature: '0x12' } },
  kept: null,
}

it('tells who agreed, who was paid, what it cost and what the relay still holds', () => {
  const text = formatDemo(REPORT)
  expect(text).toContain('Your picture: /somewhere/picture.png')
  expect(text).toContain('their scores agree')
  expect(text).toContain(`node 2  ${address('2')}  0xdf7a682a35a6d282  agrees`)
  expect(text).toContain(`Paid by ${address('a')}: 30 CNX`)
  expect(text).toContain(`node 3  ${address('3')}  10 CNX`)
  expect(text).toMatch(/commit\s+3 ×\s+60,035 … 63,801\s+183,960/)
  expect(text).toMatch(/createTask\s+1 ×\s+101,158\s+101,158/)
  // Joining is not part of what a task costs.
  expect(text).toMatch(/the task, without joining and depositing\s+285,118/)
  expect(text).toMatch(/start the network\s+11\.0 s/)
  expect(text).toContain('What the relay still holds: nothing. It signed that it deleted everything at 2026-')
  expect(text).not.toContain('kept')
})

it('says so when something is not as it should be', () => {
  const text = formatDemo({
    ...REPORT,
    agreed: false,
    nodes: [node(1), node(2), node(3, { agrees: false, score: '0x0000000000000001', paidWei: '0' })],
    relay: { blobs: 2, holdsResult: true, deletion: null },
    kept: '/somewhere/demo',
  })
  expect(text).toContain('(they differ)')
  expect(text).toContain(`0x0000000000000001  DIFFERS`)
  expect(text).toContain('2 files, and still the result. It has not signed a deletion receipt.')
  expect(text).toContain('Everything was kept in /somewhere/demo')
})
