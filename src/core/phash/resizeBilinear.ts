import { createRecall } from './recall.js'
import { type RowShape, shrinkRgbRowsEvenly, shrinksEvenly } from './shrinkEvenly.js'
import {
  createTriangleKernel,
  createTriangleSpread,
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
 * First every row, then every column, rounding down to integers after each pass. Sums are whole numbers below 2^53, so
 * their order does not matter, and every pass below may add up in its own way.
 *
 * @returns a raster of the kind given; `raster` itself where it has the size already
 */
export function resizeBilinear(raster: Raster, side: number): Raster {
  if (raster.width === side && raster.height === side) return raster
  return resizeRows(resizeRows(raster, side), side)
}

/** Resizes every row, and turns rows into columns: done twice, both directions are resized and the picture is upright. */
function resizeRows(raster: Raster, side: number): Raster {
  const { data, width, height, channels } = raster
  if (data instanceof Uint8Array && channels === 3 && width >= side && width <= LONGEST_SPREAD) {
    const turned = new Uint8Array(side * height * channels)
    const shape = { width, height, side }
    if (shrinksEvenly(shape)) shrinkRgbRowsEvenly(data, turned, shape)
    else shrinkRgbRows(data, turned, shape, spreadOf(width, side))
    return { data: turned, width: height, height: side, channels }
  }
  const deep = data instanceof Uint16Array
  const turned = deep ? new Uint16Array(side * height * channels) : new Uint8Array(side * height * channels)
  resampleRows(raster, turned, kernelOf(width, side, deep ? 65_536 : 256))
  return { data: turned, width: height, height: side, channels }
}

function resampleRows({ data, width, height, channels }: Raster, result: Raster['data'], kernel: TriangleKernel): void {
  const { starts, counts, places, weights, sums } = kernel
  for (let line = 0; line < height; line++) {
    let to = line * channels
    for (let position = 0; position < starts.length; position++) {
      const start = (line * width + (starts[position] as number)) * channels
      const place = places[position] as number
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0
        for (let tap = 0; tap < (counts[position] as number); tap++) {
          sum += (weights[place + tap] as number) * (data[start + tap * channels + channel] as number)
        }
        result[to + channel] = Math.floor(sum / (sums[position] as number))
      }
      to += height * channels
    }
  }
}

/** Three channels at once, each sample read once. */
function shrinkRgbRows(
  source: Uint8Array,
  result: Uint8Array,
  { width, height, side }: RowShape,
  { falling, rising, ends, sums }: TriangleSpread,
): void {
  let from = 0
  for (let line = 0; line < height; line++) {
    let to = line * 3
    let sample = 0
    // What the samples before the centre have given to the position.
    let [redBefore, greenBefore, blueBefore] = [0, 0, 0]
    for (let position = -1; position < side; position++) {
      const end = Math.min(ends[position + 1] as number, width)
      let [red, green, blue] = [redBefore, greenBefore, blueBefore]
      redBefore = 0
      greenBefore = 0
      blueBefore = 0
      for (; sample < end; sample++) {
        const here = falling[sample] as number
        const next = rising[sample] as number
        const redSample = source[from] as number
        const greenSample = source[from + 1] as number
        const blueSample = source[from + 2] as number
        red = (red + Math.imul(here, redSample)) | 0
        green = (green + Math.imul(here, greenSample)) | 0
        blue = (blue + Math.imul(here, blueSample)) | 0
        redBefore = (redBefore + Math.imul(next, redSample)) | 0
        greenBefore = (greenBefore + Math.imul(next, greenSample)) | 0
        blueBefore = (blueBefore + Math.imul(next, blueSample)) | 0
        from += 3
      }
      if (position < 0) continue
      const sum = sums[position] as number
      result[to] = (red / sum) | 0
      result[to + 1] = (green / sum) | 0
      result[to + 2] = (blue / sum) | 0
      to += height * 3
    }
  }
}
