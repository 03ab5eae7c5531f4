import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { InvalidInputError } from '../../../src/base/errors.js'
import { bytesToHex } from '../../../src/base/hex.js'
import { encodePng } from '../../../src/core/inference/encodePng.js'
import { toRgb } from '../../../src/core/inference/toRgb.js'
import { perceptualHash } from '../../../src/core/phash/perceptualHash.js'
import { perceptualHashOfFile } from '../../../src/core/phash/perceptualHashOfFile.js'

const FOLDER = join(import.meta.dirname, '../../vectors/phash')

type Entry = { file: string; hash: string; go_image_type: string } | { file: string; error: string }
const entries: Entry[] = JSON.parse(readFileSync(join(FOLDER, 'phash.json'), 'utf8'))
const good = entries.filter((entry) => 'hash' in entry)
const broken = entries.filter((entry) => 'error' in entry)
const read = (file: string) => readFileSync(join(FOLDER, file))

describe('perceptual hash of a file', () => {
  test.each(good)('$file ($go_image_type)', async ({ file, hash }) => {
    expect(bytesToHex(await perceptualHashOfFile(read(file)))).toBe(`0x${hash}`)
  })

  test.each(broken)('$file is refused', async ({ file }) => {
    await expect(perceptualHashOfFile(read(file))).rejects.toThrow(InvalidInputError)
  })

  test('of raw pixels is the same as of the file', async () => {
    const { data, info } = await sharp(read('rgb-512.png')).raw().toBuffer({ resolveWithObject: true })
    const hash = perceptualHash({ data, width: info.width, height: info.height })
    expect(bytesToHex(hash)).toBe('0x8f0b764890accbd7')
  })

  test("of the decoder's pixels is the same as of the PNG file that is written", async () => {
    const sizes = [64, 72, 128, 200, 512, 1024].flatMap((width) => [64, 136, 512].map((height) => ({ width, height })))
    for (const { width, height } of sizes) {
      const dims = [1, 3, height, width]
      // A gradient with noise, from below −1 to above 1, as a decoder gives it.
      const data = Float32Array.from(
        { length: 3 * width * height },
        (_, index) => ((index % width) / width) * 1.8 - 1.1 + (Math.imul(index, 0x9e3779b1) >>> 0) / 2 ** 33,
      )
      const picture = toRgb({ data, dims })
      const file = await perceptualHashOfFile(await encodePng(picture))
      expect({ width, height, hash: file }).toEqual({ width, height, hash: perceptualHash(picture) })
    }
  })

  test('refuses raw pixels that are not as many as the size says', () => {
    expect(() => perceptualHash({ data: new Uint8Array(11), width: 2, height: 2 })).toThrow('11 bytes')
    expect(() => perceptualHash({ data: new Uint8Array(0), width: 0, height: 2 })).toThrow(InvalidInputError)
  })

  test('refuses a picture that would unpack to more pixels than allowed, from its header', async () => {
    const bomb = Uint8Array.from(read('rgb-1x1.png'))
    new DataView(bomb.buffer).setUint32(16, 60_000)
    new DataView(bomb.buffer).setUint32(20, 60_000)
    await expect(perceptualHashOfFile(bomb)).rejects.toThrow('60000 × 60000 pixels')
    await expect(perceptualHashOfFile(read('rgb-512.png'), { maxPixels: 512 * 511 })).rejects.toThrow('512 × 512')
  })

  test('hashes a JPEG file to nearly the same bits as the picture it was made of', async () => {
    const jpeg = await sharp(read('rgb-512.png')).jpeg({ quality: 95, chromaSubsampling: '4:4:4' }).toBuffer()
    const [one, other] = [await perceptualHashOfFile(jpeg), await perceptualHashOfFile(read('rgb-512.png'))]
    const differing = [...one].map((byte, index) => (byte ^ (other[index] as number)).toString(2).replaceAll('0', ''))
    expect(differing.join('').length).toBeLessThanOrEqual(4)
    await expect(perceptualHashOfFile(jpeg, { maxPixels: 1000 })).rejects.toThrow('512 × 512')
    await expect(perceptualHashOfFile(jpeg.subarray(0, 300))).rejects.toThrow(InvalidInputError)
  })

  test('refuses other kinds of files, however an image library would see them', async () => {
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    await expect(perceptualHashOfFile(svg)).rejects.toThrow('neither a PNG nor a JPEG')
    await expect(perceptualHashOfFile(new Uint8Array(0))).rejects.toThrow('neither a PNG nor a JPEG')
  })
})
