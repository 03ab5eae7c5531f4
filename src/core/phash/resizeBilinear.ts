import { createRecall } from './recall.js'
import {
  createTriangleKernel,
  createTriangleSpread,
  LANE,
  LONGEST_SPREAD,
  type TriangleKernel,
  type TriangleSpread,
} from './triangleKernel.js'

/** Samples in rows from the top, `channels` values a pixel. */
export type Raster = {
  data: Uint8Array | Uint16Array
  width: number
  height: number
  channels: number
}

// The pictures of a task have one size.
const kernelOf = createRecall(createTriangleKernel)
const spreadOf = createRecall(createTriangleSpread)

/**
 * Resizes to a square with the bilinear filter of Go's nfnt/resize (83c6a99), bit for bit.
 *
 * First every row, then every column, rounding down to integers after each pass. Sums are below 2^53, so float64 holds
 * them exactly and their order does not matter.
 *
 * @returns a raster of the kind given; `raster` itself where it has the size already
 */
export function resizeBilinear(raster: Raster, side: number): Raster {
  const { data, width, height, channels } = raster
  if (width === side && height === side) return raster
  const precision = data instanceof Uint8Array ? 256 : 65_536
  const empty = (length: number) => (data instanceof Uint8Array ? new Uint8Array(length) : new Uint16Array(length))

  const narrow = empty(side * height * channels)
  if (data instanceof Uint8Array && channels === 3 && width >= side && width <= LONGEST_SPREAD) {
    shrinkRgbRows(data, narrow, { width, height, side }, spreadOf(width, side))
  } else {
    resampleRows(raster, narrow, kernelOf(width, side, precision))
  }
  const result = empty(side * side * channels)
  resampleColumns(narrow, result, side * channels, kernelOf(height, side, precision))
  return { data: result, width: side, height: side, channels }
}

function resampleRows({ data, width, height, channels }: Raster, result: Raster['data'], kernel: TriangleKernel): void {
  const { starts, counts, places, weights, sums } = kernel
  let to = 0
  for (let line = 0; line < height; line++) {
    for (let position = 0; position < starts.length; position++) {
      const start = (line * width + (starts[position] as number)) * channels
      const place = places[position] as number
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0
        for (let tap = 0; tap < (counts[position] as number); tap++) {
          sum += (weights[place + tap] as number) * (data[start + tap * channels + channel] as number)
        }
        result[to++] = Math.floor(sum / (sums[position] as number))
      }
    }
  }
}

/** The pass in which nearly all the time goes: three channels at once, each sample read once. */
function shrinkRgbRows(
  source: Uint8Array,
  result: Raster['data'],
  { width, height, side }: { width: number; height: number; side: number },
  { weights, ends, sums }: TriangleSpread,
): void {
  let to = 0
  let from = 0
  for (let line = 0; line < height; line++) {
    let sample = 0
    // What the samples before the centre have given to the position.
    let [redBefore, greenBefore, blueBefore] = [0, 0, 0]
    for (let position = -1; position < side; position++) {
      const end = Math.min(ends[position + 1] as number, width)
      let red = 0
      let green = 0
      let blue = 0
      for (; sample < end; sample++) {
        const weight = weights[sample] as number
        red += weight * (source[from] as number)
        green += weight * (source[from + 1] as number)
        blue += weight * (source[from + 2] as number)
        from += 3
      }
      const redNext = Math.floor(red / LANE)
      const greenNext = Math.floor(green / LANE)
      const blueNext = Math.floor(blue / LANE)
      if (position >= 0) {
        const sum = sums[position] as number
        result[to++] = (redBefore + red - redNext * LANE) / sum
        result[to++] = (greenBefore + green - greenNext * LANE) / sum
        result[to++] = (blueBefore + blue - blueNext * LANE) / sum
      }
      redBefore = redNext
      greenBefore = greenNext
      blueBefore = blueNext
    }
  }
}

/** Whole rows are added up, which is the order in which they lie in memory. */
function resampleColumns(
  source: Raster['data'],
  result: Raster['data'],
  rowLength: number,
  kernel: TriangleKernel,
): void {
  const { starts, counts, places, weights, sums } = kernel
  const total = new Float64Array(rowLength)
  for (let position = 0; position < starts.length; position++) {
    total.fill(0)
    let from = (starts[position] as number) * rowLength
    for (let tap = 0; tap < (counts[position] as number); tap++) {
      const weight = weights[(places[position] as number) + tap] as number
      for (let index = 0; index < rowLength; index++) {
        total[index] = (total[index] as number) + weight * (source[from++] as number)
      }
    }
    const sum = sums[position] as number
    for (let index = 0; index < rowLength; index++) {
      result[position * rowLength + index] = Math.floor((total[index] as number) / sum)
    }
  }
}
