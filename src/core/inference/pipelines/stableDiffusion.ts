import { CrynuxError, EXIT } from '../../../base/errors.js'
import { createTorchGenerator } from '../generator/torchGenerator.js'
import { hasModelFile, ModelFileError, type ModelFolder, type ModelFolders, readModelJson } from '../modelFile.js'
import { NotSupportedYetError } from '../notSupportedYet.js'
import { encodePrompts } from '../prompt/encodePrompts.js'
import { createPromptEncoder } from '../prompt/promptEncoder.js'
import type { SessionStore } from '../session.js'
import { toRgb } from '../toRgb.js'
import { stack } from './batch.js'
import { lengthOr, wholeOr } from './configValues.js'
import { createTaskScheduler } from './createTaskScheduler.js'
import { denoise } from './denoise.js'
import type { ImagePipeline, RawPicture } from './imagePipeline.js'

/**
 * Loads a Stable Diffusion 1.x/2.x model in the Hugging Face ONNX layout: text_encoder, tokenizer, unet, vae_decoder, scheduler.
 *
 * The flow is that of the original task code on diffusers 0.32.1: N pictures are N runs of one picture each which continue ONE generator.
 *
 * @throws ModelFileError, NotSupportedYetError for Stable Diffusion XL
 */
export async function loadStableDiffusion(models: ModelFolders, sessions: SessionStore): Promise<ImagePipeline> {
  const { base } = models
  if (await hasModelFile(base, 'text_encoder_2/model.onnx')) {
    throw new NotSupportedYetError('base_model', 'a model with two text encoders (Stable Diffusion XL)')
  }
  const schedulerConfig = await readModelJson(base, 'scheduler/scheduler_config.json')
  const unetPart = await findUnet(models)
  const unetConfig = await readModelJson(unetPart.model, `${unetPart.folder}config.json`)
  const vae = models.vae ?? base
  const vaeConfig = await readModelJson(vae, 'vae_decoder/config.json')
  const encoder = await createPromptEncoder(base, sessions)
  const unet = await sessions.open(unetPart.model, `${unetPart.folder}model.onnx`)
  const decoder = await sessions.open(vae, 'vae_decoder/model.onnx')
  const hasChecker = await hasModelFile(base, 'safety_checker/model.onnx')

  const latentChannels = wholeOr(unetConfig.in_channels, 4)
  const latentScale = 2 ** (lengthOr(vaeConfig.block_out_channels, 4) - 1)
  // An exported graph doubles sizes on the way up, so the latents must halve evenly on the way down.
  const sizeStep = latentScale * 2 ** (lengthOr(unetConfig.down_block_types ?? unetConfig.block_out_channels, 4) - 1)
  const scalingFactor = typeof vaeConfig.scaling_factor === 'number' ? vaeConfig.scaling_factor : 0.18215
  if (latentChannels !== 4) {
    throw new ModelFileError(
      unetPart.model,
      `${unetPart.folder}config.json`,
      `has ${latentChannels} input channels; only text-to-image models are supported`,
    )
  }

  return {
    environment: { pipeline: 'stable-diffusion', safetyChecker: 'none' },

    async run(task, hooks) {
      const config = task.task_config
      if (config.safety_checker && hasChecker)
        throw new NotSupportedYetError('task_config.safety_checker', "the model's safety checker")
      requireSize('image_width', config.image_width, sizeStep)
      requireSize('image_height', config.image_height, sizeStep)
      const scheduler = createTaskScheduler(task, schedulerConfig)
      // As in the original, a UNet that takes the guidance as an input is not guided a second time.
      const guided = config.cfg > 1 && !unet.hasInput('timestep_cond')

      hooks.onProgress({ stage: 'encode', image: 0, step: 0, steps: 1 })
      const [positive, negative] = await encodePrompts(encoder, task.prompt, task.negative_prompt)
      hooks.onTensor?.('prompt', positive.data, { image: 0, step: 0 })
      hooks.onTensor?.('negativePrompt', negative.data, { image: 0, step: 0 })
      hooks.onStageEnd('encode')

      const embeddings = stack(guided ? [negative, positive] : [positive])
      const generator = createTorchGenerator(config.seed)
      const shape = [1, latentChannels, config.image_height / latentScale, config.image_width / latentScale]
      const pictures: RawPicture[] = []
      for (let image = 0; image < config.num_images; image++) {
        const latents = await denoise({
          unet,
          unetConfig,
          scheduler,
          embeddings,
          guided,
          cfg: config.cfg,
          generator,
          shape,
          image,
          hooks,
        })
        hooks.onStageEnd('denoise')
        hooks.onProgress({ stage: 'decode', image, step: 0, steps: 1 })
        const scaled = latents.map((value) => Math.fround(value / Math.fround(scalingFactor)))
        const { sample } = await decoder.run({ latent_sample: { data: scaled, dims: shape } }, ['sample'])
        pictures.push(toRgb(sample))
        hooks.onStageEnd('decode')
      }
      return pictures
    },
  }
}

/** A replacement UNet is published alone, with its files at the top of its folder, or as part of a whole model. */
async function findUnet({ base, unet }: ModelFolders): Promise<{ model: ModelFolder; folder: '' | 'unet/' }> {
  if (!unet) return { model: base, folder: 'unet/' }
  return { model: unet, folder: (await hasModelFile(unet, 'model.onnx')) ? '' : 'unet/' }
}

function requireSize(field: 'image_width' | 'image_height', size: number, step: number): void {
  if (size % step !== 0) throw new ModelSizeError(field, size, step)
}

/**
 * The schema allows the size, but this export of the model cannot do it. Not an InvalidArgumentsError: a node that votes for invalid
 * arguments where others have a result is slashed, and another export may well do it.
 */
export class ModelSizeError extends CrynuxError {
  override readonly code = 'CRYNUX_MODEL_SIZE'
  override readonly exitCode = EXIT.usage

  constructor(field: 'image_width' | 'image_height', size: number, step: number) {
    super(`field task_config.${field} is ${size}, must be a multiple of ${step} for this model`, {
      remedy: `Choose a multiple of ${step}.`,
      details: { field: `task_config.${field}` },
    })
  }
}
