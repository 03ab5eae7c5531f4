import { InvalidInputError } from '../../base/errors.js'
import { TRANSFORM_SIDE } from './discreteCosine.js'
import { hashOfLuminance } from './hashOfLuminance.js'
import { luminanceOf8Bit } from './luminance.js'
import { resizeBilinear } from './resizeBilinear.js'

/** A picture as the image decoder leaves it: 8-bit RGB in rows from the top, no padding. */
export type RgbPicture = { data: Uint8Array; width: number; height: number }

/**
 * The network's perceptual hash of a picture: bit for bit `PerceptionHash` of Go's corona10/goimagehash v1.1.0.
 *
 * Resized to 64 × 64, made grey, transformed to frequencies; each of the 8 × 8 lowest gives one bit.
 *
 * @returns 8 bytes, most significant first
 * @throws InvalidInputError where the data are not a picture of that size
 */
export function perceptualHash({ data, width, height }: RgbPicture): Uint8Array {
  if (!(width > 0 && height > 0) || data.length !== width * height * 3) {
    throw new InvalidInputError(`${data.length} bytes are not an RGB picture of ${width} × ${height}`, {
      remedy: 'Give width · height · 3 bytes.',
    })
  }
  return hashOfLuminance(luminanceOf8Bit(resizeBilinear({ data, width, height, channels: 3 }, TRANSFORM_SIDE)))
}
