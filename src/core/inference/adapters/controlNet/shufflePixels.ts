import { createMersenneTwister } from '../../generator/mersenneTwister.js'
import type { Bitmap } from '../../pillowResize.js'
import { roundHalfToEven } from '../../schedulers/numpyRanges.js'

const { fround } = Math
/** Pixels between two places of the random grid. */
const DEFAULT_GRID = 256
const FRACTION_STEPS = 32

export type ShuffleArguments = { h?: number; w?: number; f?: number }

/**
 * Moves the content of an RGB picture around smoothly: each pixel is fetched from a place that two random fields give.
 *
 * Follows `ContentShuffleDetector` of controlnet_aux 0.0.7. The original draws from NumPy's global generator, which its task code seeds
 * with the task's seed and nothing else uses before: the same stream is made here, so the fields are the original's. Fetching is in the
 * fixed point of OpenCV's `remap`: places in 1/32 pixel.
 *
 * @param seed the task's seed
 */
export function shufflePixels(image: Bitmap, seed: number, { h, w, f = DEFAULT_GRID }: ShuffleArguments = {}): Bitmap {
  const height = h ?? image.height
  const width = w ?? image.width
  const uniform = numpyUniform(seed)
  const columns = noiseField(uniform, width, height, f)
  const rows = noiseField(uniform, width, height, f)
  const { data, channels = 3 } = image
  const result = new Uint8Array(width * height * channels)
  for (let pixel = 0; pixel < width * height; pixel++) {
    const x = toGrid(columns.data[pixel] as number, columns, image.width)
    const y = toGrid(rows.data[pixel] as number, rows, image.height)
    const left = x >> 5
    const top = y >> 5
    const right = Math.min(image.width - 1, left + 1)
    const bottom = Math.min(image.height - 1, top + 1)
    const [partX, partY] = [x & (FRACTION_STEPS - 1), y & (FRACTION_STEPS - 1)]
    for (let channel = 0; channel < channels; channel++) {
      const at = (row: number, column: number) => data[(row * image.width + column) * channels + channel] as number
      const upper = at(top, left) * (FRACTION_STEPS - partX) + at(top, right) * partX
      const lower = at(bottom, left) * (FRACTION_STEPS - partX) + at(bottom, right) * partX
      // The weights are products of two fractions; 32 · 32 is 10 bits.
      result[pixel * channels + channel] = (upper * (FRACTION_STEPS - partY) + lower * partY + 512) >> 10
    }
  }
  return { data: result, width, height, channels }
}

/** A random field, and what its values run from and to. */
type NoiseField = { data: Float64Array; least: number; spread: number }

/** A place in 1/32 pixel: the field's value from 0 to the last pixel. */
function toGrid(value: number, { least, spread }: NoiseField, size: number): number {
  const place = fround(((value - least) / spread) * (size - 1))
  return roundHalfToEven(fround(place * FRACTION_STEPS))
}

/** A coarse grid of uniform noise, enlarged with cubic interpolation; the outermost cells are cut off. */
function noiseField(uniform: () => number, width: number, height: number, grid: number): NoiseField {
  const coarseWidth = Math.floor(width / grid) + 2
  const coarseHeight = Math.floor(height / grid) + 2
  const coarse = Float64Array.from({ length: coarseWidth * coarseHeight }, uniform)
  const columns = cubicTaps(coarseWidth, width + 2 * grid, { from: grid, count: width })
  const rows = cubicTaps(coarseHeight, height + 2 * grid, { from: grid, count: height })
  const wide = new Float64Array(coarseHeight * width)
  for (let y = 0; y < coarseHeight; y++) {
    for (const [x, taps] of columns.entries()) {
      wide[y * width + x] = taps.reduce(
        (sum, { place, weight }) => sum + (coarse[y * coarseWidth + place] as number) * weight,
        0,
      )
    }
  }
  const data = new Float64Array(width * height)
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  for (const [y, taps] of rows.entries()) {
    for (let x = 0; x < width; x++) {
      let sum = 0
      for (const { place, weight } of taps) sum += (wide[place * width + x] as number) * weight
      data[y * width + x] = sum
      if (sum < least) least = sum
      if (sum > most) most = sum
    }
  }
  // As in the original, the least is taken off before the largest is looked for.
  return { data, least, spread: most - least }
}

type Tap = { place: number; weight: number }

/** Keys' cubic convolution with a = −0.75 in float32, as OpenCV's `resize` does it; borders repeat. */
function cubicTaps(from: number, to: number, part: { from: number; count: number }): Tap[][] {
  const scale = 1 / (to / from)
  return Array.from({ length: part.count }, (_, index) => {
    const at = fround((part.from + index + 0.5) * scale - 0.5)
    const floor = Math.floor(at)
    return cubicWeights(fround(at - floor)).map((weight, tap) => ({
      place: Math.min(from - 1, Math.max(0, floor - 1 + tap)),
      weight,
    }))
  })
}

const A = -0.75

function cubicWeights(x: number): number[] {
  const ahead = fround(x + 1)
  const left = fround(fround(fround(fround(A * ahead) - 5 * A) * ahead) + 8 * A)
  const first = fround(fround(left * ahead) - 4 * A)
  const second = innerCubic(x)
  const third = innerCubic(fround(1 - x))
  return [first, second, third, fround(fround(fround(1 - first) - second) - third)]
}

const innerCubic = (x: number): number => fround(fround(fround(fround(fround((A + 2) * x) - (A + 3)) * x) * x) + 1)

/** `numpy.random.seed(seed); numpy.random.uniform()`: MT19937, 53 bits of two words. */
function numpyUniform(seed: number): () => number {
  const twister = createMersenneTwister(seed)
  return () => {
    const high = twister.next() >>> 5
    const low = twister.next() >>> 6
    return (high * 2 ** 26 + low) / 2 ** 53
  }
}
