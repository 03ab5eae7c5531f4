import { hasModelFile, ModelFileError, type ModelFolder, readModelJson } from '../modelFile.js'
import type { FloatTensor, SessionStore } from '../session.js'
import { clipPixels, readClipPreprocessing } from './clipPixels.js'
import type { Picture, RawPicture } from './imagePipeline.js'

/** Looks at pictures, and blacks out those that it finds unsuitable. */
export type SafetyChecker = {
  /** @param sample the decoder's output that the picture was made of. */
  check(picture: RawPicture, sample: FloatTensor): Promise<Picture>
}

const FILE = 'safety_checker/model.onnx'
const PREPROCESSING = 'feature_extractor/preprocessor_config.json'

/**
 * Whether a model has a safety checker, which is seen by its plain file.
 *
 * @throws ModelFileError when there is only another one: it must not be left out because of its name.
 */
export async function hasSafetyChecker(model: ModelFolder): Promise<boolean> {
  if (await hasModelFile(model, FILE)) return true
  if (await hasModelFile(model, 'safety_checker/model.fp16.onnx')) throw new ModelFileError(model, FILE, 'is missing')
  return false
}

/**
 * Opens a model's safety checker as diffusers exports it to ONNX: inputs `clip_input` [1, 3, h, w] and, if the graph has it, `images`
 * [1, height, width, 3] in 0…1; output `has_nsfw_concepts` [1]. Pictures are blacked out here, as all of them are 8-bit in the end.
 *
 * @throws ModelFileError
 */
export async function openSafetyChecker(model: ModelFolder, sessions: SessionStore): Promise<SafetyChecker> {
  const preprocessing = readClipPreprocessing(
    model,
    (await hasModelFile(model, PREPROCESSING)) ? await readModelJson(model, PREPROCESSING) : {},
  )
  const session = await sessions.open(model, FILE)
  const { cropHeight, cropWidth } = preprocessing
  const [, , height, width] = session.inputs.find(({ name }) => name === 'clip_input')?.shape ?? []
  if ((typeof height === 'number' && height !== cropHeight) || (typeof width === 'number' && width !== cropWidth)) {
    throw new ModelFileError(model, FILE, `wants pictures of ${width}x${height}, ${PREPROCESSING} makes others`)
  }

  return {
    async check(picture, sample) {
      const { has_nsfw_concepts: flags } = await session.run(
        {
          clip_input: clipPixels(picture, preprocessing),
          ...(session.hasInput('images') ? { images: unitPixels(sample) } : {}),
        },
        ['has_nsfw_concepts'],
      )
      const nsfw = flags.data.some((flag) => flag !== 0)
      return { ...picture, nsfw, ...(nsfw ? { data: new Uint8Array(picture.data.length) } : {}) }
    },
  }
}

/** [1, 3, height, width] in −1…1 → [1, height, width, 3] in 0…1. */
function unitPixels({ data, dims }: FloatTensor): FloatTensor {
  const [, , height = 0, width = 0] = dims
  const plane = height * width
  const pixels = new Float32Array(3 * plane)
  for (let index = 0; index < plane; index++) {
    for (let channel = 0; channel < 3; channel++) {
      const unit = Math.fround((data[channel * plane + index] as number) / 2) + 0.5
      pixels[index * 3 + channel] = Math.min(1, Math.max(0, unit))
    }
  }
  return { data: pixels, dims: [1, height, width, 3] }
}
