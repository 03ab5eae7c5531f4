import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { crynuxTokenAbi, incentivePoolAbi, nodeRegistryAbi, taskConsensusAbi } from '../../src/chain/abi.generated.js'

// commit and reveal are built by the base of the hostile tests.
const source = ['BadInput.t.sol', 'base/HostileTest.sol']
  .map((file) => readFileSync(new URL(file, import.meta.url), 'utf8'))
  .join('\n')

describe('bad input', () => {
  for (const [contract, abi] of Object.entries({
    crynuxTokenAbi,
    incentivePoolAbi,
    nodeRegistryAbi,
    taskConsensusAbi,
  })) {
    const names = abi.flatMap((item) =>
      item.type === 'function' && item.stateMutability === 'nonpayable' ? [item.name] : [],
    )
    it.each(names)(`${contract}: %s is called with bad input`, (name) => {
      expect(source).toMatch(new RegExp(`\\.${name}\\b`))
    })
  }
})
