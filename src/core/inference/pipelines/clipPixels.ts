import { ModelFileError, type ModelFolder } from '../modelFile.js'
import { BICUBIC, pillowResize } from '../pillowResize.js'
import type { FloatTensor } from '../session.js'
import type { RawPicture } from './imagePipeline.js'

/** How pictures are prepared for a CLIP vision network: the settings of `CLIPImageProcessor` that pictures of ours depend on. */
export type ClipPreprocessing = {
  /** Length of the shorter side, after which the middle is cut out. */
  shortestEdge: number
  cropHeight: number
  cropWidth: number
  rescaleFactor: number
  mean: readonly number[]
  deviation: readonly number[]
}

const FILE = 'feature_extractor/preprocessor_config.json'
const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
const CLIP_DEVIATION = [0.26862954, 0.26130258, 0.27577711]
const BICUBIC_OF_PILLOW = 3
const MAXIMUM_SIDE = 1024

/**
 * Reads a `preprocessor_config.json`, whose sizes are numbers in older models and objects in newer ones.
 *
 * @throws ModelFileError for steps left out, other resampling than bicubic, or sizes that are none
 */
export function readClipPreprocessing(model: ModelFolder, config: Record<string, unknown>): ClipPreprocessing {
  const refuse = (name: string) => new ModelFileError(model, FILE, `has a ${name} that is not supported`)
  for (const step of ['do_resize', 'do_center_crop', 'do_rescale', 'do_normalize']) {
    if (config[step] === false) throw refuse(step)
  }
  if ((config.resample ?? BICUBIC_OF_PILLOW) !== BICUBIC_OF_PILLOW) throw refuse('resample')
  const side = (name: string, member: string): number => {
    const value = config[name] ?? 224
    const size = isObject(value) ? value[member] : value
    if (typeof size === 'number' && Number.isInteger(size) && size > 0 && size <= MAXIMUM_SIDE) return size
    throw refuse(name)
  }
  const perChannel = (name: string, fallback: readonly number[]): readonly number[] => {
    const value = config[name] ?? fallback
    if (Array.isArray(value) && value.length === 3 && value.every(Number.isFinite)) return value
    throw refuse(name)
  }
  const factor = config.rescale_factor ?? 1 / 255
  if (typeof factor !== 'number') throw refuse('rescale_factor')
  return {
    shortestEdge: side('size', 'shortest_edge'),
    cropHeight: side('crop_size', 'height'),
    cropWidth: side('crop_size', 'width'),
    rescaleFactor: factor,
    mean: perChannel('image_mean', CLIP_MEAN),
    deviation: perChannel('image_std', CLIP_DEVIATION),
  }
}

/**
 * A picture as a CLIP vision network takes it, [1, 3, height, width]: shorter side resized, middle cut out (black where the picture is
 * too small), scaled to 0…1 and normalised, in float32. Follows `CLIPImageProcessor` of transformers 4.57.
 */
export function clipPixels(picture: RawPicture, settings: ClipPreprocessing): FloatTensor {
  const { cropHeight, cropWidth, mean, deviation } = settings
  const { data, width, height } = resizeShorterSide(picture, settings.shortestEdge)
  const left = Math.floor((width - cropWidth) / 2)
  const top = Math.floor((height - cropHeight) / 2)
  const pixels = new Float32Array(3 * cropHeight * cropWidth)
  for (let channel = 0; channel < 3; channel++) {
    const middle = Math.fround(mean[channel] ?? 0)
    const spread = Math.fround(deviation[channel] ?? 1)
    for (let y = 0; y < cropHeight; y++) {
      for (let x = 0; x < cropWidth; x++) {
        const inside = x + left >= 0 && x + left < width && y + top >= 0 && y + top < height
        const byte = inside ? (data[((y + top) * width + x + left) * 3 + channel] as number) : 0
        const unit = Math.fround(byte * settings.rescaleFactor)
        pixels[(channel * cropHeight + y) * cropWidth + x] = Math.fround(unit - middle) / spread
      }
    }
  }
  return { data: pixels, dims: [1, 3, cropHeight, cropWidth] }
}

function resizeShorterSide(picture: RawPicture, side: number): RawPicture {
  const { width, height } = picture
  const longer = (long: number, short: number) => Math.trunc((side * long) / short)
  return width <= height
    ? pillowResize(picture, side, longer(height, width), BICUBIC)
    : pillowResize(picture, longer(width, height), side, BICUBIC)
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
