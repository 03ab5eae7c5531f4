import { keccak_256 } from '@noble/hashes/sha3.js'
import { describe, expect, it } from 'vitest'
import { bytesToHex, hexToBytes } from '../../src/base/hex.js'
import { type CommitmentParameters, commitmentOf } from '../../src/protocol/commitment.js'
import { taskIdOf } from '../../src/protocol/taskId.js'

const BASE: CommitmentParameters = {
  chainId: 31337,
  consensus: '0x00000000000000000000000000000000000000c0',
  taskId: `0x${'01'.repeat(32)}`,
  node: '0x00000000000000000000000000000000000000a1',
  outcome: 0,
  score: '0x0123456789abcdef',
  salt: `0x${'02'.repeat(32)}`,
}

describe('commitment', () => {
  it('changes with every single part, so that no copy of it is good for anything', () => {
    const variants: CommitmentParameters[] = [
      { ...BASE, chainId: 1 },
      { ...BASE, consensus: '0x00000000000000000000000000000000000000c1' },
      { ...BASE, taskId: `0x${'03'.repeat(32)}` },
      { ...BASE, node: '0x00000000000000000000000000000000000000a2' },
      { ...BASE, outcome: 1 },
      { ...BASE, score: '0x0123456789abcdee' },
      { ...BASE, salt: `0x${'04'.repeat(32)}` },
    ]
    const all = [BASE, ...variants].map(commitmentOf)
    expect(new Set(all).size).toBe(all.length)
  })

  it('is the same for an address in any case', () => {
    expect(commitmentOf({ ...BASE, node: '0x00000000000000000000000000000000000000A1' })).toBe(commitmentOf(BASE))
  })
})

describe('task id', () => {
  it('is keccak256(abi.encode(creator, taskKey))', () => {
    // Two 32-byte words: the address padded on the left, then the key. Hashed by another library than the one under test.
    const words = Buffer.concat([Buffer.alloc(12), hexToBytes(BASE.node), hexToBytes(BASE.taskId)])
    expect(taskIdOf({ creator: BASE.node, taskKey: BASE.taskId })).toBe(bytesToHex(keccak_256(words)))
    expect(taskIdOf({ creator: BASE.node, taskKey: BASE.taskId })).not.toBe(
      taskIdOf({ creator: BASE.consensus, taskKey: BASE.taskId }),
    )
  })
})
