import fc from 'fast-check'
import { expect, test } from 'vitest'
import { float16ToFloat32, float32ToFloat16 } from '../../../src/core/inference/float16.js'

test('every half-precision number survives', () => {
  const halves = Uint16Array.from({ length: 65536 }, (_, half) => half)
  const back = float32ToFloat16(float16ToFloat32(halves))
  for (const half of halves) {
    const isNan = (half & 0x7c00) === 0x7c00 && (half & 0x3ff) !== 0
    if (!isNan && back[half] !== half && (half & 0x7fff) !== 0) expect([half, back[half]]).toEqual([half, half])
  }
})

test('any float32 goes to its nearest neighbour, ties to even', () => {
  expect([...float32ToFloat16([1 + 2 ** -11, 1 + 3 * 2 ** -11, 65519, 65520, 2 ** -25, 2 ** -24 * 1.5, -0.1])]).toEqual(
    [0x3c00, 0x3c02, 0x7bff, 0x7c00, 0, 2, 0xae66],
  )
  fc.assert(
    fc.property(fc.float({ min: -65000, max: 65000, noNaN: true }), (value) => {
      const [half = 0] = float32ToFloat16([value])
      const near = [half - 1, half, half + 1].map((each) =>
        Math.abs((float16ToFloat32(Uint16Array.of(each))[0] ?? 0) - value),
      )
      expect(near[1]).toBe(Math.min(...near.filter((gap) => !Number.isNaN(gap))))
    }),
  )
})
