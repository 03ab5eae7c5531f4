import type { RawPicture } from './pipelines/imagePipeline.js'
import type { FloatTensor } from './session.js'

/**
 * The decoder's output [1, 3, height, width], nominally −1…1, as 8-bit RGB: x/2 + 0.5 clamped to 0…1 and multiplied by 255 in float32,
 * rounded half to even. Follows `VaeImageProcessor.postprocess` of diffusers 0.32.1.
 */
export function toRgb({ data, dims }: FloatTensor): RawPicture {
  const [, , height = 0, width = 0] = dims
  const plane = width * height
  const rgb = new Uint8Array(plane * 3)
  for (let channel = 0; channel < 3; channel++) {
    for (let pixel = 0; pixel < plane; pixel++) rgb[pixel * 3 + channel] = toByte(data[channel * plane + pixel] ?? 0)
  }
  return { data: rgb, width, height }
}

/** One sample −1…1 as a byte. */
export function toByte(sample: number): number {
  const unit = Math.fround(Math.fround(sample / 2) + 0.5)
  const scaled = Math.fround(Math.min(1, Math.max(0, unit)) * 255)
  const floor = Math.floor(scaled)
  const rest = scaled - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}
