import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { resizeBilinear } from '../../../src/core/phash/resizeBilinear.js'

const size = fc.oneof(fc.integer({ min: 1, max: 130 }), fc.constantFrom(64, 128, 191, 192, 193, 256, 512, 513))
// 128, 256, 512 and 1024 are resized by additions alone.
const width = fc.oneof(size, fc.constantFrom(128, 256, 512, 1024))

describe('bilinear resize', () => {
  test('gives RGB the same as each channel alone, which takes another path', () => {
    fc.assert(
      fc.property(width, size, fc.integer({ min: 1, max: 1e6 }), (width, height, seed) => {
        const data = Uint8Array.from(
          { length: width * height * 3 },
          (_, index) => Math.imul(index + seed, 0x9e3779b1) >>> 24,
        )
        const together = resizeBilinear({ data, width, height, channels: 3 }, 64).data
        for (const channel of [0, 1, 2]) {
          const alone = data.filter((_, index) => index % 3 === channel)
          const expected = resizeBilinear({ data: alone, width, height, channels: 1 }, 64).data
          // Comparing bytes, because an assertion on each element would take seconds.
          const same = Buffer.compare(
            together.filter((_, index) => index % 3 === channel) as Uint8Array,
            expected as Uint8Array,
          )
          expect(same).toBe(0)
        }
      }),
      { numRuns: 40, seed: 7 },
    )
  })

  test('keeps one colour as it is, at any size', () => {
    fc.assert(
      fc.property(size, size, (width, height) => {
        const data = new Uint8Array(width * height * 3).fill(201)
        expect(new Set(resizeBilinear({ data, width, height, channels: 3 }, 64).data)).toEqual(new Set([201]))
      }),
      { numRuns: 40, seed: 7 },
    )
  })

  test.each([128, 256, 512, 1024, 2048, 4096])('white rows of %d pixels do not overflow', (width) => {
    const data = new Uint8Array(width * 2 * 3).fill(255)
    expect(new Set(resizeBilinear({ data, width, height: 2, channels: 3 }, 64).data)).toEqual(new Set([255]))
  })

  test('takes pixels from within a larger buffer', () => {
    const buffer = Uint8Array.from({ length: 256 * 256 * 3 + 3 }, (_, index) => Math.imul(index, 0x9e3779b1) >>> 24)
    const raster = (data: Uint8Array) => resizeBilinear({ data, width: 256, height: 256, channels: 3 }, 64).data
    const within = buffer.subarray(1, 256 * 256 * 3 + 1)
    expect(Buffer.compare(raster(within) as Uint8Array, raster(within.slice()) as Uint8Array)).toBe(0)
  })

  test('leaves a picture of the right size alone', () => {
    const raster = { data: new Uint8Array(64 * 64), width: 64, height: 64, channels: 1 }
    expect(resizeBilinear(raster, 64)).toBe(raster)
  })
})
