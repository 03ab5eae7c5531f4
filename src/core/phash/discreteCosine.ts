import { cephesCosine } from './cephesCosine.js'

/** Side of the square that is transformed. */
export const TRANSFORM_SIDE = 64

/** Side of the square of low frequencies that is kept. */
export const KEPT_SIDE = 8

const divisors = new Map<number, Float64Array>()
for (let length = 2; length <= TRANSFORM_SIDE; length *= 2) {
  divisors.set(
    length,
    Float64Array.from({ length: length / 2 }, (_, index) => cephesCosine(((index + 0.5) * Math.PI) / length) * 2),
  )
}

/**
 * The low frequencies of a two-dimensional, unscaled DCT-II of 64 × 64 values, which are overwritten.
 *
 * B. G. Lee, "A new algorithm to compute the discrete cosine transform", IEEE ASSP 32, 1984, rows first: the order of
 * the floating point operations is that of goimagehash v1.1.0, because ties in the hash hang on the last bit.
 *
 * @returns 8 × 8 coefficients in rows, the constant one first
 */
export function lowFrequencies(values: Float64Array): Float64Array {
  const scratch = new Float64Array(TRANSFORM_SIDE)
  for (let row = 0; row < TRANSFORM_SIDE; row++) transform(values, row * TRANSFORM_SIDE, TRANSFORM_SIDE, scratch, 0)

  const kept = new Float64Array(KEPT_SIDE * KEPT_SIDE)
  const line = new Float64Array(TRANSFORM_SIDE)
  for (let column = 0; column < KEPT_SIDE; column++) {
    for (let row = 0; row < TRANSFORM_SIDE; row++) line[row] = values[row * TRANSFORM_SIDE + column] as number
    transform(line, 0, TRANSFORM_SIDE, scratch, 0)
    for (let row = 0; row < KEPT_SIDE; row++) kept[row * KEPT_SIDE + column] = line[row] as number
  }
  return kept
}

/** Transforms `length` values in place; `scratch` has as many places from `free` on. */
function transform(values: Float64Array, start: number, length: number, scratch: Float64Array, free: number): void {
  if (length === 1) return
  const half = length / 2
  const divisor = divisors.get(length) as Float64Array
  for (let index = 0; index < half; index++) {
    const near = values[start + index] as number
    const far = values[start + length - 1 - index] as number
    scratch[free + index] = near + far
    scratch[free + half + index] = (near - far) / (divisor[index] as number)
  }
  // The halves are transformed in the scratch, with the old values as their scratch.
  transform(scratch, free, half, values, start)
  transform(scratch, free + half, half, values, start)
  for (let index = 0; index < half - 1; index++) {
    values[start + 2 * index] = scratch[free + index] as number
    values[start + 2 * index + 1] =
      (scratch[free + half + index] as number) + (scratch[free + half + index + 1] as number)
  }
  values[start + length - 2] = scratch[free + half - 1] as number
  values[start + length - 1] = scratch[free + length - 1] as number
}
