import { deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Hex } from '../../../src/base/hex.js'
import { encodePng } from '../../../src/core/inference/encodePng.js'
import { perceptualHash } from '../../../src/core/phash/perceptualHash.js'
import { imageScore, textScore } from '../../../src/core/task/score.js'
import { verifyResultFiles } from '../../../src/core/task/verifyResult.js'

const picture = (phase: number) => {
  const data = Uint8Array.from(
    { length: 96 * 64 * 3 },
    (_, at) => 128 + 120 * Math.sin(at / 37 + phase) * Math.cos(at / 1100),
  )
  return { data, width: 96, height: 64 }
}

let files: Uint8Array[]
let score: Hex
beforeAll(async () => {
  const pictures = [picture(0), picture(2)]
  files = await Promise.all(pictures.map(encodePng))
  score = imageScore(pictures.map(perceptualHash))
})

describe('verifyResultFiles', () => {
  test('the files of a result have its score', async () => {
    expect(await verifyResultFiles({ kind: 'image', files, score, width: 96, height: 64 })).toBe(true)
    expect(
      await verifyResultFiles({ kind: 'image', files, score: score.toUpperCase().replace('0X', '0x') as Hex }),
    ).toBe(true)
  })

  test('another order, number, size or score is another result', async () => {
    const [first, second] = files as [Uint8Array, Uint8Array]
    const flipped = score.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')) as Hex
    for (const wrong of [
      { files: [second, first] },
      { files: [first] },
      { files: [] },
      { width: 64 },
      { height: 96 },
      { score: flipped },
      { score: '0x' as Hex },
    ]) {
      expect(await verifyResultFiles({ kind: 'image', files, score, ...wrong })).toBe(false)
    }
  })

  test('what is not a plain whole PNG is refused', async () => {
    const [first, second] = files as [Uint8Array, Uint8Array]
    const { data, width, height } = picture(2)
    const jpeg = await sharp(data, { raw: { width, height, channels: 3 } })
      .jpeg()
      .toBuffer()
    const withAlpha = await sharp(data, { raw: { width, height, channels: 3 } })
      .ensureAlpha()
      .png()
      .toBuffer()
    for (const other of [
      jpeg,
      withAlpha,
      second.subarray(0, second.length / 2),
      new Uint8Array(10),
      new Uint8Array(0),
    ]) {
      expect(await verifyResultFiles({ kind: 'image', files: [first, other], score })).toBe(false)
    }
  })

  test('a small file with a huge picture in it is not decoded', async () => {
    const bomb = Buffer.from(files[0] as Uint8Array)
    bomb.writeUInt32BE(50_000, 16)
    bomb.writeUInt32BE(50_000, 20)
    const before = process.memoryUsage().rss
    const start = performance.now()
    expect(await verifyResultFiles({ kind: 'image', files: [bomb, bomb], score })).toBe(false)
    expect(performance.now() - start).toBeLessThan(50)
    expect(process.memoryUsage().rss - before).toBeLessThan(50e6)
  })

  test('a stream that inflates beyond its picture ends in a refusal', async () => {
    const inflated = pngWith(96, 64, deflateSync(Buffer.alloc(64e6)))
    const before = process.memoryUsage().rss
    expect(await verifyResultFiles({ kind: 'image', files: [inflated, inflated], score })).toBe(false)
    expect(process.memoryUsage().rss - before).toBeLessThan(50e6)
  })

  test('a text result is compared by its SHA-256', async () => {
    const answer = Buffer.from('{"choices":[]}')
    expect(await verifyResultFiles({ kind: 'text', files: [answer], score: textScore(answer) })).toBe(true)
    expect(await verifyResultFiles({ kind: 'text', files: [Buffer.from('{}')], score: textScore(answer) })).toBe(false)
    expect(await verifyResultFiles({ kind: 'text', files: [answer, answer], score: textScore(answer) })).toBe(false)
  })
})

/** A PNG with a given compressed pixel stream; checksums of chunks are left wrong, as an attacker may. */
function pngWith(width: number, height: number, stream: Buffer): Uint8Array {
  const chunk = (type: string, body: Buffer) => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(body.length)
    return Buffer.concat([length, Buffer.from(type), body, Buffer.alloc(4)])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2, 0, 0, 0], 8)
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', stream),
    chunk('IEND', Buffer.alloc(0)),
  ])
}
