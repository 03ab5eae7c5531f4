import { describe, expect, it } from 'vitest'
import { bytesToHex } from '../../src/base/hex.js'
import { deriveSecret } from '../../src/protocol/derivedSecret.js'

const WALLET = new Uint8Array(32).fill(7)
const TASK = `0x${'ab'.repeat(32)}`

describe('derived secrets', () => {
  it('are the same every time, whatever the case of the task id', () => {
    const first = deriveSecret(WALLET, { use: 'commit salt', taskId: TASK })
    const again = deriveSecret(WALLET, { use: 'commit salt', taskId: TASK.toUpperCase().replace('0X', '0x') })
    expect(bytesToHex(again)).toBe(bytesToHex(first))
    // A change of this value would lock running nodes out of their own commitments.
    expect(bytesToHex(first)).toMatchInlineSnapshot(
      `"0x655f039f64ae4f0ff139b5ed58f65223163d2595bd86e97a15b07e6bec93f4cc"`,
    )
  })

  it('differ by purpose, task and wallet', () => {
    const all = [
      deriveSecret(WALLET, { use: 'node encryption key' }),
      deriveSecret(WALLET, { use: 'commit salt', taskId: TASK }),
      deriveSecret(WALLET, { use: 'arguments salt', taskId: TASK }),
      deriveSecret(WALLET, { use: 'result key', taskId: TASK }),
      deriveSecret(WALLET, { use: 'result key', taskId: `0x${'cd'.repeat(32)}` }),
      deriveSecret(new Uint8Array(32).fill(8), { use: 'result key', taskId: TASK }),
    ].map(bytesToHex)
    expect(new Set(all).size).toBe(all.length)
  })
})
