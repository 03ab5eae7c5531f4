import { divide, logarithm, subtract } from './float32.js'
import { linspace } from './numpyRanges.js'

/** From where to where noise levels are spaced. */
export type NoiseRange = { largest: number; smallest: number }

/** Noise levels, largest first, evenly spaced in their seventh root (Karras et al., arXiv:2206.00364, equation 5). */
export function karrasLevels({ largest, smallest }: NoiseRange, steps: number): number[] {
  const rho = 7
  const from = largest ** (1 / rho)
  const to = smallest ** (1 / rho)
  return linspace(0, 1, steps).map((position) => (from + position * (to - from)) ** rho)
}

/** Noise levels, largest first, evenly spaced in their logarithm. */
export function exponentialLevels({ largest, smallest }: NoiseRange, steps: number): number[] {
  return linspace(Math.log(largest), Math.log(smallest), steps).map(Math.exp)
}

/**
 * The fractional timestep at which the model was trained with a noise level; in float32, as NumPy does it.
 *
 * @param logarithms of the noise levels of all training steps, smallest first
 */
export function timestepOf(level: number, logarithms: Float32Array): number {
  const wanted = logarithm(Math.max(level, 1e-10))
  let low = 0
  for (let index = 0; index < logarithms.length; index++) if (wanted >= (logarithms[index] as number)) low = index
  low = Math.min(low, logarithms.length - 2)
  const below = logarithms[low] as number
  const above = logarithms[low + 1] as number
  const weight = Math.min(Math.max(divide(subtract(below, wanted), subtract(below, above)), 0), 1)
  return subtract(1, weight) * low + weight * (low + 1)
}
