/** For each position of a resized line: the samples it is made of, and their integer weights. */
export type TriangleKernel = {
  starts: Int32Array
  counts: Int32Array
  /** Where the weights of a position begin in `weights`. */
  places: Int32Array
  weights: Int32Array
  /** The sum of the weights of a position. */
  sums: Int32Array
}

/**
 * The bilinear filter of Go's nfnt/resize (83c6a99): a triangle, widened by the scale when shrinking, with weights that
 * are rounded towards zero. Samples beyond the edge repeat the one at the edge.
 *
 * @param length samples of the line
 * @param side samples of the resized line
 * @param precision the weight of a sample in the very centre: 256 for 8-bit samples, 65536 for 16-bit samples
 */
export function createTriangleKernel(length: number, side: number, precision: number): TriangleKernel {
  const scale = length / side
  const taps = 2 * Math.max(Math.ceil(scale), 1)
  const narrowing = Math.min(1 / scale, 1)
  const starts = new Int32Array(side)
  const counts = new Int32Array(side)
  const places = new Int32Array(side)
  const sums = new Int32Array(side)
  const weights: number[] = []

  for (let position = 0; position < side; position++) {
    const centre = centreOf(position, scale)
    // Towards zero, also where the centre lies before the first sample.
    const first = Math.trunc(centre) - taps / 2 + 1
    const offset = centre - first
    const own = new Map<number, number>()
    let sum = 0
    for (let tap = 0; tap < taps; tap++) {
      const distance = Math.abs((offset - tap) * narrowing)
      const weight = distance <= 1 ? Math.trunc((1 - distance) * precision) : 0
      if (weight === 0) continue
      const sample = Math.min(Math.max(first + tap, 0), length - 1)
      own.set(sample, (own.get(sample) ?? 0) + weight)
      sum += weight
    }
    starts[position] = own.keys().next().value as number
    counts[position] = own.size
    places[position] = weights.length
    sums[position] = sum
    weights.push(...own.values())
  }
  return { starts, counts, places, weights: Int32Array.from(weights), sums }
}

/** The longest line whose weighted sums of 8-bit samples are far below 2^31. */
export const LONGEST_SPREAD = 8192

/** The same filter from the view of the samples, when shrinking: each lies between two centres and matters to no others. */
export type TriangleSpread = {
  /** The weight of each sample in the position whose centre it follows. */
  falling: Int32Array
  /** Its weight in the next position. */
  rising: Int32Array
  /** Where the samples end that follow the centre of position −1, 0, 1, … */
  ends: Int32Array
  sums: Int32Array
}

/** Turns the filter around. */
export function createTriangleSpread(length: number, side: number): TriangleSpread {
  const { starts, counts, places, weights, sums } = createTriangleKernel(length, side, 256)
  const weightOf = (position: number, sample: number) => {
    const index = sample - (starts[position] ?? 0)
    return position >= 0 && position < side && index >= 0 && index < (counts[position] as number)
      ? (weights[(places[position] as number) + index] as number)
      : 0
  }
  const scale = length / side
  const falling = new Int32Array(length)
  const rising = new Int32Array(length)
  const ends = new Int32Array(side + 1)
  let sample = 0
  for (let position = -1; position < side; position++) {
    const end = position + 1 < side ? Math.ceil(centreOf(position + 1, scale)) : length
    for (; sample < end; sample++) {
      falling[sample] = weightOf(position, sample)
      rising[sample] = weightOf(position + 1, sample)
    }
    ends[position + 1] = end
  }
  return { falling, rising, ends, sums }
}

/** The place of a resized sample in the line. */
function centreOf(position: number, scale: number): number {
  return scale * (position + 0.5) - 0.5
}
