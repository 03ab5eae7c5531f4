import { CrynuxError, EXIT } from '../../../../base/errors.js'
import { type ImageTaskArguments, InvalidArgumentsError } from '../../../task/arguments.js'
import type { Bitmap } from '../../pillowResize.js'
import { roundHalfToEven } from '../../schedulers/numpyRanges.js'
import { cannyEdges } from './cannyEdges.js'
import { type ControlImage, MAXIMUM_PIXELS } from './readControlImage.js'
import { resizeForDetector } from './resizeForDetector.js'
import { type ShuffleArguments, shufflePixels } from './shufflePixels.js'

export type Preprocess = NonNullable<NonNullable<ImageTaskArguments['controlnet']>['preprocess']>

/** Detectors work on pictures whose sides are multiples of this. */
const SIDE_STEP = 64
const { fround } = Math

/**
 * Makes the picture that a ControlNet was trained on from an ordinary one: edges for `canny`, moved content for `shuffle`.
 *
 * As the original calls controlnet_aux 0.0.7: detected at the size of the given picture, then brought to a size whose shorter side is
 * that of the task's picture; both rounded to multiples of 64.
 *
 * @throws PreprocessorUnavailableError for the methods that are neural networks, InvalidArgumentsError for pictures that are too small
 */
export function preprocessControlImage(
  image: ControlImage,
  { method, args }: Preprocess,
  { seed, image_width, image_height }: Pick<ImageTaskArguments['task_config'], 'seed' | 'image_width' | 'image_height'>,
): ControlImage {
  const detect = detectorOf(method, args, seed)
  const opaque = onWhite(image)
  const detectSize = sizeFor(opaque, Math.min(image.width, image.height))
  // The shorter side stays or shrinks a little, so this is never an enlargement that asks for Lanczos.
  const source = resizeForDetector(opaque, detectSize.width, detectSize.height, 'area')
  const detected = detect(source)
  const { width, height } = sizeFor(source, Math.min(image_width, image_height))
  return { ...resizeForDetector(detected, width, height, 'linear'), indexed: false }
}

function detectorOf(method: Preprocess['method'], args: Preprocess['args'], seed: number): (image: Bitmap) => Bitmap {
  if (method === 'canny') {
    const { low_threshold: low = 100, high_threshold: high = 200 } = args as Record<string, number>
    return (image) => asRgb(cannyEdges(image, low, high))
  }
  if (method === 'shuffle') return (image) => shufflePixels(image, seed, args as ShuffleArguments)
  throw new PreprocessorUnavailableError(method)
}

/** The size whose shorter side is `resolution`, its sides rounded to multiples of 64, halves to the even multiple. */
function sizeFor({ width, height }: Bitmap, resolution: number): { width: number; height: number } {
  const scale = resolution / Math.min(width, height)
  const side = (length: number) => roundHalfToEven((length * scale) / SIDE_STEP) * SIDE_STEP
  const size = { width: side(width), height: side(height) }
  if (size.width === 0 || size.height === 0) throw refuse('too small for its preprocessing: no side may be below 33')
  if (size.width * size.height > MAXIMUM_PIXELS) {
    throw refuse(`too long for its preprocessing, which would make it ${size.width} × ${size.height}`)
  }
  return size
}

/** Alpha is blended on white, in float32. */
function onWhite({ data, width, height, channels }: ControlImage): Bitmap {
  if (channels === 3) return { data, width, height, channels }
  const result = new Uint8Array(width * height * 3)
  for (let pixel = 0; pixel < width * height; pixel++) {
    const alpha = fround((data[pixel * 4 + 3] as number) / 255)
    const white = fround(255 * fround(1 - alpha))
    for (let channel = 0; channel < 3; channel++) {
      const colour = fround((data[pixel * 4 + channel] as number) * alpha)
      result[pixel * 3 + channel] = Math.min(255, Math.trunc(fround(colour + white)))
    }
  }
  return { data: result, width, height, channels: 3 }
}

function asRgb({ data, width, height }: Bitmap): Bitmap {
  const wide = new Uint8Array(data.length * 3)
  for (const [pixel, value] of data.entries()) wide.fill(value, pixel * 3, pixel * 3 + 3)
  return { data: wide, width, height, channels: 3 }
}

const refuse = (what: string): InvalidArgumentsError =>
  new InvalidArgumentsError(`field controlnet.image_dataurl holds a picture that is ${what}`, {
    remedy: 'Give a picture of at least 64 × 64 pixels with ordinary proportions, or leave controlnet.preprocess out.',
    details: { field: 'controlnet.image_dataurl' },
  })

/** A preprocessor that is a neural network, which this version does not carry. */
export class PreprocessorUnavailableError extends CrynuxError {
  override readonly code = 'CRYNUX_PREPROCESSOR_UNAVAILABLE'
  override readonly exitCode = EXIT.modelUnavailable

  constructor(method: string) {
    super(`field controlnet.preprocess.method is '${method}', whose network this version does not have`, {
      remedy: 'Use canny or shuffle, or give the preprocessed picture itself and leave controlnet.preprocess out.',
      details: { field: 'controlnet.preprocess.method', method },
    })
  }
}
