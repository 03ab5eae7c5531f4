import type { RawPicture } from './pipelines/imagePipeline.js'
import type { FloatTensor } from './session.js'

/**
 * The decoder's output [1, 3, height, width], nominally −1…1, as 8-bit RGB: x/2 + 0.5 and multiplied by 255 in float32, rounded half
 * to even, and limited to 0…255. Follows `VaeImageProcessor.postprocess` of diffusers 0.32.1.
 */
export function toRgb({ data, dims }: FloatTensor): RawPicture {
  const [, , height = 0, width = 0] = dims
  const plane = width * height
  // Storing into this kind of array rounds and limits just so (ECMAScript, ToUint8Clamp).
  const rgb = new Uint8ClampedArray(plane * 3)
  const { fround } = Math
  for (let pixel = 0, to = 0; pixel < plane; pixel++) {
    for (let from = pixel; from < plane * 3; from += plane) {
      rgb[to++] = fround(fround(fround((data[from] as number) / 2) + 0.5) * 255)
    }
  }
  return { data: new Uint8Array(rgb.buffer), width, height }
}
