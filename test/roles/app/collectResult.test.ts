import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { bytesToHex, type Hex } from '../../../src/base/hex.js'
import { perceptualHashOfFile } from '../../../src/core/phash/perceptualHashOfFile.js'
import { encryptionKeyFromSecret } from '../../../src/protocol/encryptionKey.js'
import { seal } from '../../../src/protocol/envelope.js'
import { resultDigestOf } from '../../../src/protocol/resultDigest.js'
import {
  collectResult,
  type ExpectedResult,
  RelayDeliversOtherFilesError,
  ResultForgottenError,
} from '../../../src/roles/app/collectResult.js'

const key = encryptionKeyFromSecret(new Uint8Array(32).fill(7))
const stranger = encryptionKeyFromSecret(new Uint8Array(32).fill(8))
const SIDE = 64

const picture = (slope: number): Promise<Buffer> =>
  sharp(Buffer.from(Array.from({ length: SIDE * SIDE * 3 }, (_, index) => (Math.floor(index / 3) * slope) & 255)), {
    raw: { width: SIDE, height: SIDE, channels: 3 },
  })
    .png()
    .toBuffer()

const scoreOf = async (files: readonly Uint8Array[]): Promise<Hex> => {
  const hashes = await Promise.all(files.map(async (file) => bytesToHex(await perceptualHashOfFile(file)).slice(2)))
  return `0x${hashes.join('')}`
}

/** A relay that holds these sealed files. */
const holding = (sealed: readonly Uint8Array[]) => ({
  listResults: async () => sealed.map(({ length }, index) => ({ index, sizeBytes: length, sha256: '0x' as Hex })),
  getResult: async (_taskId: Hex, index: number) => sealed[index] ?? new Uint8Array(),
})

const collect = async (sealed: readonly Uint8Array[], expected: Partial<ExpectedResult>) =>
  collectResult(
    { relay: holding(sealed), identity: key.identity },
    {
      taskId: `0x${'01'.repeat(32)}`,
      kind: 'image',
      count: sealed.length,
      resultDigest: resultDigestOf(sealed),
      score: '0x',
      size: { width: SIDE, height: SIDE },
      ...expected,
    },
  )

describe('collecting a result', () => {
  it('opens the files whose score was agreed on', async () => {
    const files = [await picture(1), await picture(5)]
    const sealed = await Promise.all(files.map((file) => seal(file, [key.publicKey])))
    const collected = await collect(sealed, { score: await scoreOf(files) })
    expect(collected).toEqual({ verified: true, files: files.map((file) => new Uint8Array(file)) })
  })

  it('finds the uploader at fault for another picture, a near one, too many, and what cannot be opened', async () => {
    const right = await picture(1)
    const score = await scoreOf([right])
    const near: Hex = `0x${(BigInt(score) ^ 1n).toString(16).padStart(16, '0')}`
    const toUs = await seal(right, [key.publicKey])
    const faults: [sealed: Uint8Array[], expected: Partial<ExpectedResult>][] = [
      [[await seal(await picture(5), [key.publicKey])], { score }],
      // One bit: near enough for nodes to agree, and yet not the file that the uploader scored.
      [[toUs], { score: near }],
      [[toUs, toUs], { score, count: 1 }],
      [[toUs], { score, size: { width: 32, height: 32 } }],
      [[await seal(right, [stranger.publicKey])], { score }],
      [[new Uint8Array([1, 2, 3])], { score }],
    ]
    for (const [sealed, expected] of faults) {
      expect(await collect(sealed, expected)).toMatchObject({ verified: false })
    }
  })

  it('finds the relay at fault for files that are not those on chain', async () => {
    const right = await picture(1)
    const sealed = await seal(right, [key.publicKey])
    const flipped = Uint8Array.from(sealed)
    flipped[flipped.length - 1] = (flipped[flipped.length - 1] ?? 0) ^ 1
    const expected = { score: await scoreOf([right]), resultDigest: resultDigestOf([sealed]) }
    await expect(collect([flipped], expected)).rejects.toThrow(RelayDeliversOtherFilesError)
    await expect(collect([], expected)).rejects.toThrow(ResultForgottenError)
  })

  it('compares texts by their hash', async () => {
    const answer = new TextEncoder().encode('{"choices":[]}')
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', answer))
    const sealed = [await seal(answer, [key.publicKey])]
    expect(await collect(sealed, { kind: 'text', size: null, score: bytesToHex(digest) })).toMatchObject({
      verified: true,
    })
    expect(await collect(sealed, { kind: 'text', size: null, score: `0x${'00'.repeat(32)}` })).toMatchObject({
      verified: false,
    })
  })
})
