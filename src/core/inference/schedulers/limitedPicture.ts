import { dynamicThreshold } from './dynamicThreshold.js'

/** The settings that keep a predicted picture in bounds. */
export type PictureLimits = {
  thresholding: boolean
  dynamic_thresholding_ratio: number
  sample_max_value: number
  clip_sample: boolean
  clip_sample_range: number
}

/** The predicted picture, thresholded or clipped where the settings say so; thresholding goes before clipping. */
export function limitedPicture(picture: Float32Array, limits: PictureLimits): Float32Array {
  if (limits.thresholding) {
    return dynamicThreshold(picture, { ratio: limits.dynamic_thresholding_ratio, maximum: limits.sample_max_value })
  }
  if (!limits.clip_sample) return picture
  const range = limits.clip_sample_range
  return picture.map((value) => Math.min(Math.max(value, -range), range))
}
