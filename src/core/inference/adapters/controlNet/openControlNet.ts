import type { ImageTaskArguments } from '../../../task/arguments.js'
import { ModelFileError, type ModelFolder, readModelJson } from '../../modelFile.js'
import type { Bitmap } from '../../pillowResize.js'
import { repeat } from '../../pipelines/batch.js'
import { type StepInputs, timestepFeed } from '../../pipelines/denoise.js'
import type { FittingNetwork } from '../../pipelines/unet.js'
import type { Feed, FloatTensor, ModelSession, SessionStore } from '../../session.js'
import { preprocessControlImage } from './preprocessControlImage.js'
import { readControlImage } from './readControlImage.js'
import { resizeLanczos } from './resizeLanczos.js'

const FOLDER = 'controlnet/'

/** A network that steers a UNet by a picture. */
export type ControlNet = FittingNetwork & {
  /**
   * Reads the task's control image.
   *
   * @returns what gives the residuals for one step, under the names of the UNet's inputs
   * @throws PreprocessorUnavailableError, and InvalidArgumentsError for the picture
   */
  prepare(task: ImageTaskArguments): Promise<(step: StepInputs) => Promise<Record<string, Feed>>>
}

/**
 * Opens a ControlNet. L. Zhang et al., "Adding conditional control to text-to-image diffusion models", ICCV 2023.
 *
 * The network gives one residual for each input that its UNet has besides the usual ones, already multiplied by the conditioning scale,
 * which is the task's weight / 100. When guided, both halves of the batch are steered by the same picture.
 *
 * @param unet the UNet that takes the residuals
 * @throws ModelFileError
 */
export async function openControlNet(
  sessions: SessionStore,
  { model, unet }: { model: ModelFolder; unet: ModelSession },
): Promise<ControlNet> {
  const config = await readModelJson(model, `${FOLDER}config.json`)
  const session = await sessions.open(model, `${FOLDER}model.onnx`)
  const residuals = unet.inputs.map(({ name }) => name).filter((name) => session.hasOutput(name))
  if (residuals.length === 0) {
    throw new ModelFileError(model, session.file, `gives none of the inputs of ${unet.file}`)
  }

  return {
    model,
    field: 'controlnet.model',
    kind: 'ControlNet',
    session,
    config,
    async prepare({ controlnet, task_config: size }) {
      if (!controlnet) return async () => ({})
      const given = await readControlImage(controlnet.image_dataurl)
      const image = controlnet.preprocess ? preprocessControlImage(given, controlnet.preprocess, size) : given
      const condition = planar(resizeLanczos(image, size.image_width, size.image_height))
      const scale: Feed = { data: [controlnet.weight / 100], dims: [1] }

      return ({ sample, timestep, embeddings, conditions }) => {
        const [batch = 1] = sample.dims
        const known = Object.entries(conditions).filter(([name]) => session.hasInput(name))
        return session.run(
          {
            sample,
            timestep: timestepFeed(session, timestep),
            encoder_hidden_states: embeddings,
            controlnet_cond: { data: repeat(condition.data, batch), dims: [batch, ...condition.dims] },
            conditioning_scale: scale,
            ...Object.fromEntries(known),
          },
          residuals,
        )
      }
    },
  }
}

/** Pixels 0…255 → [3, height, width] in 0…1. */
function planar({ data, width, height }: Bitmap): FloatTensor {
  const pixels = width * height
  const planes = new Float32Array(3 * pixels)
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      planes[channel * pixels + pixel] = (data[pixel * 3 + channel] as number) / 255
    }
  }
  return { data: planes, dims: [3, height, width] }
}
