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

/** Lanczos' windowed sine with three lobes. */
export const LANCZOS: ResizeKernel = {
  support: 3,
  weight: (distance) => (distance >= -3 && distance < 3 ? sine(distance) * sine(distance / 3) : 0),
}

const sine = (x: number): number => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI))

/** A picture of 8 bits per channel, row-major, channels interleaved; RGB where their number is not said. */
export type Bitmap = RawPicture & { channels?: number }

/**
 * Resizes an 8-bit picture bit for bit as `Image.resize` of Pillow 10 and 11 does.
 *
 * The kernel is stretched when the picture shrinks, cut at the border and made to sum up to 1; first rows, then columns; weights are
 * fixed-point numbers with 22 bits after the point, and each pass is rounded to 8 bits.
 */
export function pillowResize(picture: Bitmap, width: number, height: number, kernel: ResizeKernel): Bitmap {
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

function resizeRows({ data, width, height, channels = 3 }: Bitmap, columns: readonly Taps[]): Bitmap {
  const resized = new Uint8Array(columns.length * height * channels)
  for (let y = 0; y < height; y++) {
    for (const [x, { first, weights }] of columns.entries()) {
      for (let channel = 0; channel < channels; channel++) {
        let sum = 1 << (BITS - 1)
        let at = (y * width + first) * channels + channel
        for (const weight of weights) {
          sum += (data[at] as number) * weight
          at += channels
        }
        resized[(y * columns.length + x) * channels + channel] = Math.min(255, Math.max(0, sum >> BITS))
      }
    }
  }
  return { data: resized, width: columns.length, height, channels }
}

function transpose({ data, width, height, channels = 3 }: Bitmap): Bitmap {
  const turned = new Uint8Array(data.length)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < channels; channel++) {
        turned[(x * height + y) * channels + channel] = data[(y * width + x) * channels + channel] as number
      }
    }
  }
  return { data: turned, width: height, height: width, channels }
}
