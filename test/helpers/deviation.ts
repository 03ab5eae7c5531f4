/** Largest absolute difference, in units of max(1, largest absolute golden value). */
export function relativeDeviation(actual: ArrayLike<number>, golden: ArrayLike<number>): number {
  if (actual.length !== golden.length) return Number.POSITIVE_INFINITY
  let largest = 1
  let difference = 0
  for (let index = 0; index < golden.length; index++) {
    const expected = golden[index] ?? Number.NaN
    const gap = Math.abs((actual[index] ?? Number.NaN) - expected)
    if (!(gap <= difference)) difference = gap
    largest = Math.max(largest, Math.abs(expected))
  }
  return difference / largest
}
