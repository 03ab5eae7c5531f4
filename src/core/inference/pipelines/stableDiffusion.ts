import { CrynuxError, EXIT } from '../../../base/errors.js'
import { createTorchGenerator, type TorchGenerator } from '../generator/torchGenerator.js'
import { hasModelFile, ModelFileError, type ModelFolder, type ModelFolders, readModelJson } from '../modelFile.js'
import { NotSupportedYetError } from '../notSupportedYet.js'
import { encodePrompts } from '../prompt/encodePrompts.js'
import { createPromptEncoder } from '../prompt/promptEncoder.js'
import type { Scheduler, SchedulerHistory } from '../schedulers/scheduler.js'
import type { FloatTensor, ModelSession, SessionStore } from '../session.js'
import { toRgb } from '../toRgb.js'
import { createTaskScheduler } from './createTaskScheduler.js'
import type { ImagePipeline, ImagePipelineHooks, RawPicture } from './imagePipeline.js'

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

  const latentChannels = whole(unetConfig.in_channels, 4)
  const latentScale = 2 ** (listLength(vaeConfig.block_out_channels, 4) - 1)
  // An exported graph doubles sizes on the way up, so the latents must halve evenly on the way down.
  const sizeStep = latentScale * 2 ** (listLength(unetConfig.down_block_types ?? unetConfig.block_out_channels, 4) - 1)
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

type Denoising = {
  unet: ModelSession
  unetConfig: Record<string, unknown>
  scheduler: Scheduler
  /** [batch, tokens, dimension]: negative and positive when guided, else positive. */
  embeddings: FloatTensor
  guided: boolean
  cfg: number
  generator: TorchGenerator
  shape: readonly number[]
  image: number
  hooks: ImagePipelineHooks
}

/** Noise to latents, for one picture. */
async function denoise({
  unet,
  unetConfig,
  scheduler,
  embeddings,
  guided,
  cfg,
  generator,
  shape,
  image,
  hooks,
}: Denoising): Promise<Float32Array> {
  const count = shape.reduce((product, size) => product * size, 1)
  const batch = guided ? 2 : 1
  const steps = scheduler.timesteps.length
  const guidance = unet.hasInput('timestep_cond')
    ? { timestep_cond: guidanceEmbedding(cfg - 1, whole(unetConfig.time_cond_proj_dim, 256), batch) }
    : {}
  let sample = generator.randn(count)
  if (scheduler.initNoiseSigma !== 1) sample = sample.map((value) => value * scheduler.initNoiseSigma)
  let history: SchedulerHistory = []
  for (const [index, timestep] of scheduler.timesteps.entries()) {
    hooks.onProgress({ stage: 'denoise', image, step: index, steps })
    const scaled = scheduler.scaleModelInput(sample, index)
    const input = guided ? repeat(scaled, 2) : scaled
    const { out_sample: output } = await unet.run(
      {
        sample: { data: input, dims: [batch, ...shape.slice(1)] },
        timestep: { data: [timestep], dims: unet.inputRank('timestep') === 0 ? [] : [1] },
        encoder_hidden_states: embeddings,
        ...guidance,
      },
      ['out_sample'],
    )
    const modelOutput = guided ? guide(output.data, cfg) : output.data
    const result = scheduler.step({
      index,
      sample,
      modelOutput,
      history,
      ...(scheduler.drawsNoise(index) ? { noise: generator.randn(count) } : {}),
    })
    sample = result.sample
    history = result.history
    hooks.onTensor?.('latents', sample, { image, step: index })
  }
  hooks.onProgress({ stage: 'denoise', image, step: steps, steps })
  return sample
}

/** Classifier-free guidance on a batch of [negative, positive]: n + cfg · (p − n), rounded to float32 after each operation. */
function guide(output: Float32Array, cfg: number): Float32Array {
  const half = output.length / 2
  const { fround } = Math
  const scale = fround(cfg)
  return Float32Array.from({ length: half }, (_, index) => {
    const negative = output[index] ?? 0
    return fround(negative + fround(scale * fround((output[half + index] ?? 0) - negative)))
  })
}

/**
 * The guidance scale as a sinusoidal embedding [batch, dimension], for UNets distilled to take it as an input (LCM).
 * Follows `get_guidance_scale_embedding` of diffusers 0.32.1.
 */
function guidanceEmbedding(scale: number, dimension: number, batch: number): FloatTensor {
  const half = Math.floor(dimension / 2)
  const step = Math.fround(Math.log(10000) / (half - 1))
  const row = new Float32Array(dimension)
  for (let index = 0; index < half; index++) {
    const angle = Math.fround(Math.fround(scale * 1000) * Math.fround(Math.exp(Math.fround(-index * step))))
    row[index] = Math.sin(angle)
    row[half + index] = Math.cos(angle)
  }
  return { data: repeat(row, batch), dims: [batch, dimension] }
}

function repeat(data: Float32Array, times: number): Float32Array {
  const repeated = new Float32Array(data.length * times)
  for (let index = 0; index < times; index++) repeated.set(data, index * data.length)
  return repeated
}

/** Equally long embeddings [tokens, dimension] → [batch, tokens, dimension]. */
function stack(embeddings: readonly FloatTensor[]): FloatTensor {
  const size = embeddings[0]?.data.length ?? 0
  const data = new Float32Array(size * embeddings.length)
  for (const [index, each] of embeddings.entries()) data.set(each.data, index * size)
  return { data, dims: [embeddings.length, ...(embeddings[0]?.dims ?? [])] }
}

function requireSize(field: 'image_width' | 'image_height', size: number, step: number): void {
  if (size % step !== 0) throw new ModelSizeError(field, size, step)
}

const whole = (value: unknown, fallback: number): number =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : fallback
const listLength = (value: unknown, fallback: number): number =>
  Array.isArray(value) && value.length > 0 && value.length < 10 ? value.length : fallback

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
