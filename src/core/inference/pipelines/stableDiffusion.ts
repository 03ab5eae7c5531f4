import { openControlNet } from '../adapters/controlNet/openControlNet.js'
import { createTorchGenerator } from '../generator/torchGenerator.js'
import { hasModelFile, type ModelFolder, type ModelFolders, readModelJson } from '../modelFile.js'
import { openPrompts } from '../prompt/openPrompts.js'
import type { PromptPair } from '../prompt/promptConditioning.js'
import { requireKnownCharacters } from '../requireKnownCharacters.js'
import type { SessionStore } from '../session.js'
import { toRgb } from '../toRgb.js'
import { createTaskScheduler } from './createTaskScheduler.js'
import { denoise, startingNoise } from './denoise.js'
import { findUnet } from './findUnet.js'
import type { ImagePipeline, ImagePipelineHooks, Picture } from './imagePipeline.js'
import { inPrecision, precisionOf, requirePrecision } from './latentPrecision.js'
import { ModelMismatchError } from './modelMismatchError.js'
import { requireSizes } from './modelSizeError.js'
import { openPictureDecoder } from './pictureDecoder.js'
import { openRefiner, stepsBeforeRefiner } from './refine.js'
import { requireModelKind } from './requireModelKind.js'
import { hasSafetyChecker, openSafetyChecker } from './safetyChecker.js'
import { sizeTimeIds } from './timeIds.js'
import { openUnet, requireFittingUnet } from './unet.js'
import { unetInputs } from './unetInputs.js'

/**
 * Loads a Stable Diffusion model in the Hugging Face ONNX layout: text_encoder, tokenizer, unet, vae_decoder, scheduler; with a second
 * text encoder and tokenizer it is Stable Diffusion XL.
 *
 * The flow is that of the original task code on diffusers 0.32.1: N pictures are N runs of one picture each which continue ONE generator.
 *
 * @throws ModelFileError, ModelMismatchError
 */
export async function loadStableDiffusion(models: ModelFolders, sessions: SessionStore): Promise<ImagePipeline> {
  const { base } = models
  await requireModelKind(base, 'pictures')
  const isXl = await isStableDiffusionXl(base)
  if (models.refiner && !isXl) {
    throw new ModelMismatchError('refiner.model', models.refiner, 'needs a base model of Stable Diffusion XL')
  }
  const schedulerConfig = await readModelJson(base, 'scheduler/scheduler_config.json')
  const prompts = await openPrompts(base, sessions, isXl ? 2 : 1, models.textualInversion)
  const unet = await openUnet(sessions, await findUnet(models))
  const controlNet =
    models.controlnet && (await openControlNet(sessions, { model: models.controlnet, unet: unet.session }))
  const decoder = await openPictureDecoder(models.vae ?? base, sessions)
  const refiner = models.refiner && (await openRefiner(models.refiner, sessions))
  const hasChecker = await hasSafetyChecker(base)
  const sizeStep = decoder.scale * Math.max(unet.halvings, refiner?.halvings ?? 1)

  return {
    environment: {
      pipeline: isXl ? 'stable-diffusion-xl' : 'stable-diffusion',
      dtype: precisionOf(unet.session),
      safetyChecker: hasChecker ? 'safety_checker/model.onnx' : 'none',
    },

    async run(task, hooks) {
      const { image_width: width, image_height: height, num_images: count, cfg, seed } = task.task_config
      requireSizes(task.task_config, sizeStep)
      requirePrecision(unet, task.dtype)
      const scheduler = inPrecision(createTaskScheduler(task, schedulerConfig), precisionOf(unet.session))
      // Opened when it is asked for: it is as large as a text encoder.
      const checker = hasChecker && task.task_config.safety_checker && (await openSafetyChecker(base, sessions))
      // As in the original, a UNet that takes the guidance as an input is not guided a second time.
      const guided = cfg > 1 && !unet.session.hasInput('timestep_cond')
      const shape = [1, unet.latentChannels, height / decoder.scale, width / decoder.scale]

      hooks.onProgress({ stage: 'encode', image: 0, step: 0, steps: 1 })
      requireKnownCharacters('prompt', task.prompt)
      requireKnownCharacters('negative_prompt', task.negative_prompt)
      const pair = await prompts.encode(task.prompt, task.negative_prompt)
      tellPrompts(hooks, pair)
      const sizes = sizeTimeIds(height, width)
      for (const network of [unet, ...(controlNet ? [controlNet] : [])]) {
        requireFittingUnet(network, pair.positive, isXl ? sizes.length : 0)
      }
      const { embeddings, conditions } = unetInputs(
        pair,
        guided,
        isXl ? { positive: sizes, negative: sizes } : undefined,
      )
      const refinement = pair.ofSecond && refiner?.prepare(task, pair.ofSecond, shape)
      const controls = await controlNet?.prepare(task)
      hooks.onStageEnd('encode')

      const range = stepsBeforeRefiner(scheduler, task)
      const steps = range.end - range.begin + (refinement?.steps ?? 0)
      const generator = createTorchGenerator(seed)
      const pictures: Picture[] = []
      for (let image = 0; image < count; image++) {
        const onStep = (step: number) => hooks.onProgress({ stage: 'denoise', image, step, steps })
        let latents = await denoise({
          unet: unet.session,
          unetConfig: unet.config,
          conditions,
          ...(controls ? { controls } : {}),
          scheduler,
          range,
          embeddings,
          guided,
          cfg,
          generator,
          start: startingNoise(generator, scheduler, shape),
          shape,
          onStep,
          onLatents: (data, step) => hooks.onTensor?.('latents', data, { image, step }),
        })
        hooks.onStageEnd('denoise')
        if (refinement) {
          latents = await refinement.refine(latents, generator, {
            onStep: (step) => onStep(range.end - range.begin + step),
            onLatents: (data, step) => hooks.onTensor?.('refinedLatents', data, { image, step }),
          })
          hooks.onStageEnd('refine')
        }
        hooks.onProgress({ stage: 'decode', image, step: 0, steps: 1 })
        const sample = await decoder.decode(latents, shape)
        const picture = toRgb(sample)
        hooks.onStageEnd('decode')
        if (checker) {
          pictures.push(await checker.check(picture, sample))
          hooks.onStageEnd('check')
        } else {
          pictures.push(picture)
        }
      }
      return pictures
    },
  }
}

/** Either half of the second text encoder tells, so that a folder where the other is missing is not taken for a smaller model. */
async function isStableDiffusionXl(base: ModelFolder): Promise<boolean> {
  const files = ['tokenizer_2/tokenizer_config.json', 'text_encoder_2/model.onnx', 'text_encoder_2/config.json']
  for (const file of files) if (await hasModelFile(base, file)) return true
  if (!(await hasModelFile(base, 'unet/config.json'))) return false
  return (await readModelJson(base, 'unet/config.json')).addition_embed_type === 'text_time'
}

function tellPrompts({ onTensor }: ImagePipelineHooks, { positive, negative }: PromptPair): void {
  const position = { image: 0, step: 0 }
  onTensor?.('prompt', positive.embedding.data, position)
  onTensor?.('negativePrompt', negative.embedding.data, position)
  if (positive.pooled) onTensor?.('pooledPrompt', positive.pooled, position)
  if (negative.pooled) onTensor?.('pooledNegativePrompt', negative.pooled, position)
}
