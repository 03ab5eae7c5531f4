import type { Raster } from './resizeBilinear.js'

/** Brightness of opaque 8-bit pixels, 0…255, grey or RGB; the order of the operations is that of goimagehash. */
export function luminanceOf8Bit({ data, width, height, channels }: Raster): Float64Array {
  const result = new Float64Array(width * height)
  const [green, blue] = channels >= 3 ? [1, 2] : [0, 0]
  for (let pixel = 0, at = 0; pixel < result.length; pixel++, at += channels) {
    result[pixel] =
      0.299 * (data[at] as number) + 0.587 * (data[at + green] as number) + 0.114 * (data[at + blue] as number)
  }
  return result
}

/**
 * Brightness of opaque or premultiplied 16-bit pixels, 0…255, grey or RGB.
 *
 * Channels are reduced to 8 bits first; the original divides red and green by 257, but blue by 256.
 */
export function luminanceOf16Bit({ data, width, height, channels }: Raster): Float64Array {
  const result = new Float64Array(width * height)
  const [green, blue] = channels >= 3 ? [1, 2] : [0, 0]
  for (let pixel = 0, at = 0; pixel < result.length; pixel++, at += channels) {
    const red8 = Math.floor((data[at] as number) / 257)
    const green8 = Math.floor((data[at + green] as number) / 257)
    const blue8 = (data[at + blue] as number) >> 8
    result[pixel] = 0.299 * red8 + 0.587 * green8 + 0.114 * blue8
  }
  return result
}
