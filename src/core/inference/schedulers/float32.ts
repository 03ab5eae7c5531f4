/*
 * Arithmetic as float32 tensors do it: every single operation rounds. Scalars first, then whole tensors.
 */

const fround = Math.fround

export const add = (a: number, b: number): number => fround(a + b)
export const subtract = (a: number, b: number): number => fround(a - b)
export const multiply = (a: number, b: number): number => fround(a * b)
export const divide = (a: number, b: number): number => fround(a / b)
export const squareRoot = (value: number): number => fround(Math.sqrt(value))
export const exponential = (value: number): number => fround(Math.exp(value))
export const logarithm = (value: number): number => fround(Math.log(value))

/** A tensor times a scalar. */
export type ScaledTensor = readonly [factor: number, tensor: Float32Array]

/** `f0·t0 + f1·t1 + …`, evaluated from the left, each product and each sum rounded. */
export function linearCombination(...[first, ...rest]: [ScaledTensor, ...ScaledTensor[]]): Float32Array {
  const result = scale(first[0], first[1])
  for (const [factor, tensor] of rest) {
    for (let index = 0; index < result.length; index++) {
      result[index] = (result[index] as number) + fround(factor * (tensor[index] as number))
    }
  }
  return result
}

/** `factor · tensor`. */
export function scale(factor: number, tensor: Float32Array): Float32Array {
  const result = new Float32Array(tensor.length)
  for (let index = 0; index < result.length; index++) result[index] = factor * (tensor[index] as number)
  return result
}

/** `tensor / divisor`. */
export function divideBy(divisor: number, tensor: Float32Array): Float32Array {
  const result = new Float32Array(tensor.length)
  for (let index = 0; index < result.length; index++) result[index] = (tensor[index] as number) / divisor
  return result
}

/** `factor · (a − b)`. */
export function scaledDifference(factor: number, a: Float32Array, b: Float32Array): Float32Array {
  const result = new Float32Array(a.length)
  for (let index = 0; index < result.length; index++) {
    result[index] = factor * fround((a[index] as number) - (b[index] as number))
  }
  return result
}
