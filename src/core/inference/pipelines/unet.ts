import { ModelFileError, type ModelFolder, readModelJson } from '../modelFile.js'
import type { PromptConditioning } from '../prompt/promptConditioning.js'
import type { ModelSession, SessionStore } from '../session.js'
import { lengthOr, wholeOr } from './configValues.js'
import { ModelMismatchError } from './modelMismatchError.js'

/** A network that is told about the prompt, with its configuration. */
export type FittingNetwork = {
  /** The model that it is of, and the argument that names it. */
  model: ModelFolder
  field: string
  kind: 'UNet' | 'ControlNet'
  session: ModelSession
  config: Record<string, unknown>
}

/** Where a UNet is in its model's folder; one that takes what a ControlNet gives is a network of its own. */
export type UnetFolder = '' | 'unet/' | 'unet_with_residuals/'

/** The network that denoises. */
export type Unet = FittingNetwork & {
  /** By what it divides latents on the way down: an exported graph doubles sizes on the way up, so they must halve evenly. */
  halvings: number
  latentChannels: number
}

/**
 * Opens a UNet.
 *
 * @param folder where in the model's folder it is
 * @throws ModelFileError, also for UNets that want a picture besides the latents (inpainting)
 */
export async function openUnet(
  sessions: SessionStore,
  { model, field, folder }: { model: ModelFolder; field: string; folder: UnetFolder },
): Promise<Unet> {
  const config = await readModelJson(model, `${folder}config.json`)
  const latentChannels = wholeOr(config.in_channels, 4)
  if (latentChannels !== 4) {
    throw new ModelFileError(
      model,
      `${folder}config.json`,
      `has ${latentChannels} input channels; only text-to-image models are supported`,
    )
  }
  return {
    model,
    field,
    kind: 'UNet',
    session: await sessions.open(model, `${folder}model.onnx`),
    config,
    halvings: 2 ** (lengthOr(config.down_block_types ?? config.block_out_channels, 4) - 1),
    latentChannels,
  }
}

/**
 * Checks that a UNet or ControlNet takes the embeddings of the text encoders.
 *
 * @param timeIds how many numbers it is told about sizes (Stable Diffusion XL), 0 for none
 * @throws ModelMismatchError
 */
export function requireFittingUnet(
  { model, field, kind, session, config }: FittingNetwork,
  { embedding, pooled }: PromptConditioning,
  timeIds: number,
): void {
  const mismatch = (complaint: string) => new ModelMismatchError(field, model, complaint)
  const isXl = session.hasInput('text_embeds') && session.hasInput('time_ids')
  if (timeIds > 0 && !isXl) {
    throw mismatch(`is no ${kind} of Stable Diffusion XL: it has no inputs text_embeds and time_ids`)
  }
  if (timeIds === 0 && isXl) throw mismatch(`is a ${kind} of Stable Diffusion XL, which the base model is not`)
  const width = embedding.dims[1]
  const wanted = config.cross_attention_dim
  if (typeof wanted === 'number' && wanted !== width) {
    throw mismatch(`takes prompts of ${wanted} numbers per token, the text encoders give ${width}`)
  }
  const total = config.projection_class_embeddings_input_dim
  const each = config.addition_time_embed_dim
  if (timeIds > 0 && typeof total === 'number' && typeof each === 'number' && pooled) {
    const given = each * timeIds + pooled.length
    if (total !== given) {
      throw mismatch(
        `takes ${total} numbers about prompt and size, ${given} would be given (${timeIds} sizes of ${each}, ${pooled.length} of the prompt)`,
      )
    }
  }
}
