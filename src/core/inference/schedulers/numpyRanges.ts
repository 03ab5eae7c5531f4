/*
 * The few functions of NumPy that timestep schedules are made with, with its rounding: an index that moves by one
 * because a quotient was rounded differently is another picture.
 */

/** `numpy.linspace(start, stop, count, endpoint)` in float64. */
export function linspace(start: number, stop: number, count: number, { endpoint = true } = {}): number[] {
  const intervals = endpoint ? count - 1 : count
  const step = (stop - start) / intervals
  const values = Array.from({ length: count }, (_, index) => (intervals > 0 ? index * step + start : start))
  if (endpoint && count > 1) values[count - 1] = stop
  return values
}

/** `numpy.arange(start, stop, step)` of floats: NumPy multiplies the difference of the first two values. */
export function arange(start: number, stop: number, step: number): number[] {
  const count = Math.max(0, Math.ceil((stop - start) / step))
  const difference = start + step - start
  return Array.from({ length: count }, (_, index) => start + index * difference)
}

/** `numpy.round`: to the nearest integer, ties to even. */
export function roundHalfToEven(value: number): number {
  const below = Math.floor(value)
  const rest = value - below
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1
  return below % 2 === 0 ? below : below + 1
}

/** `numpy.interp(at, arange(values.length), values)` for one position. */
export function interpolate(values: ArrayLike<number>, at: number): number {
  const last = values.length - 1
  if (at <= 0) return values[0] as number
  if (at >= last) return values[last] as number
  const below = Math.floor(at)
  const low = values[below] as number
  return ((values[below + 1] as number) - low) * (at - below) + low
}
