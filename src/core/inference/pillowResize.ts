import type { RawPicture } from './pipelines/imagePipeline.js'

/** A kernel with the distance beyond which it is 0. */
export type ResizeKernel = { support: number; weight(distance: number): number }

/** Cubic convolution with a = −0.5 (Keys, IEEE Trans. ASSP 29, 1981). */
export const BICUBIC: ResizeKernel = {
  support: 2,
  weight(distance) {
    const a = -0.5
    const x = Math.abs(distance)
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * a
    return 0
  },
}

/**
 * Resizes an 8-bit RGB picture bit for bit as `Image.resize` of Pillow 10 and 11 does.
 *
 * The kernel is stretched when the picture shrinks, cut at the border and made to sum up to 1; first rows, then columns; weights are
 * fixed-point numbers with 22 bits after the point, and each pass is rounded to 8 bits.
 */
export function pillowResize(picture: RawPicture, width: number, height: number, kernel: ResizeKernel): RawPicture {
  const wide = width === picture.width ? picture : resizeRows(picture, taps(picture.width, width, kernel))
  if (height === picture.height) return wide
  return transpose(resizeRows(transpose(wide), taps(picture.height, height, kernel)))
}

const BITS = 22

/** For one output pixel: the first input pixel and the weights from there on. */
type Taps = { first: number; weights: Int32Array }

function taps(from: number, to: number, { support, weight }: ResizeKernel): Taps[] {
  const scale = from / to
  const stretch = Math.max(scale, 1)
  const reach = support * stretch
  return Array.from({ length: to }, (_, index) => {
    const center = (index + 0.5) * scale
    const first = Math.max(0, Math.trunc(center - reach + 0.5))
    const end = Math.min(from, Math.trunc(center + reach + 0.5))
    const weights = Array.from({ length: end - first }, (_, tap) =>
      weight((tap + first - center + 0.5) * (1 / stretch)),
    )
    const sum = weights.reduce((total, each) => total + each, 0)
    return {
      first,
      weights: Int32Array.from(weights, (each) => {
        const fixed = (sum === 0 ? each : each / sum) * 2 ** BITS
        return Math.trunc(fixed < 0 ? fixed - 0.5 : fixed + 0.5)
      }),
    }
  })
}

function resizeRows({ data, width, height }: RawPicture, columns: readonly Taps[]): RawPicture {
  const resized = new Uint8Array(columns.length * height * 3)
  for (let y = 0; y < height; y++) {
    for (const [x, { first, weights }] of columns.entries()) {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 1 << (BITS - 1)
        let at = (y * width + first) * 3 + channel
        for (const weight of weights) {
          sum += (data[at] as number) * weight
          at += 3
        }
        resized[(y * columns.length + x) * 3 + channel] = Math.min(255, Math.max(0, sum >> BITS))
      }
    }
  }
  return { data: resized, width: columns.length, height }
}

function transpose({ data, width, height }: RawPicture): RawPicture {
  const turned = new Uint8Array(data.length)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < 3; channel++) {
        turned[(x * height + y) * 3 + channel] = data[(y * width + x) * 3 + channel] as number
      }
    }
  }
  return { data: turned, width: height, height: width }
}
