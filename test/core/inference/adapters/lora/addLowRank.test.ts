import { expect, test } from 'vitest'
import { addLowRank } from '../../../../../src/core/inference/adapters/lora/addLowRank.js'

const { fround } = Math

const noise = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, at) => Math.sin(at * 12.9898 + seed) * 4)

test.each<[number, number, number, boolean]>([
  [1, 1, 1, false],
  [7, 5, 3, false],
  [7, 5, 3, true],
  [33, 40, 4, true],
  [16, 27, 2, false],
  [64, 2100, 5, false],
  // More rows than the kernel's memory takes at once.
  [9, 300_000, 2, true],
])('[%i, %i] of rank %i: the documented additions, bit for bit (transposed: %s)', (rows, columns, rank, transposed) => {
  const [up, down, weights] = [noise(rows * rank, 1), noise(rank * columns, 2), noise(rows * columns, 3)]
  const expected = weights.slice()
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let sum = 0
      for (let at = 0; at < rank; at++) {
        sum = fround(sum + fround((up[row * rank + at] ?? 0) * (down[at * columns + column] ?? 0)))
      }
      const place = transposed ? column * rows + row : row * columns + column
      expected[place] = fround((expected[place] ?? 0) + fround(fround(0.37) * sum))
    }
  }
  addLowRank(weights, { up, down, rank, rows, columns }, 0.37, transposed)
  expect(Buffer.from(weights.buffer).equals(Buffer.from(expected.buffer))).toBe(true)
})
