import { roundToFloat16 } from '../generator/halfPrecision.js'
import type { TorchGenerator } from '../generator/torchGenerator.js'
import type { Scheduler, SchedulerHistory } from '../schedulers/scheduler.js'
import type { Feed, FloatTensor, ModelSession } from '../session.js'
import { repeat } from './batch.js'
import { wholeOr } from './configValues.js'
import { guideInHalf } from './latentPrecision.js'

/** What one picture is denoised with. */
export type Denoising = {
  unet: ModelSession
  unetConfig: Record<string, unknown>
  /** Further inputs of the UNet, the same at every step, for the whole batch: `text_embeds` and `time_ids` of Stable Diffusion XL. */
  conditions?: Record<string, Feed>
  /** Inputs of the UNet that are computed anew for every step: what a ControlNet adds. */
  controls?(step: StepInputs): Promise<Record<string, Feed>>
  scheduler: Scheduler
  /** Which of the scheduler's steps are taken; all of them by default. */
  range?: StepRange
  /** [batch, tokens, dimension]: negative and positive when guided, else positive. */
  embeddings: FloatTensor
  guided: boolean
  cfg: number
  /** Where schedulers that draw noise have it from. */
  generator: TorchGenerator
  /** Latents to begin with: {@link startingNoise}, or what the steps before the range have made of it. */
  start: Float32Array
  shape: readonly number[]
  /** Called before each step and at the end, with the number of steps done. */
  onStep(done: number): void
  /** Called after each step, with its index in the schedule. */
  onLatents?(latents: Float32Array, index: number): void
}

/** Steps of a schedule: from `begin` up to, not including, `end`. */
export type StepRange = { begin: number; end: number }

/** What the UNet is given at one step, for the whole batch: the latents as the scheduler scales them, and the conditions of the task. */
export type StepInputs = {
  sample: FloatTensor
  timestep: number
  embeddings: FloatTensor
  conditions: Record<string, Feed>
}

/** How a network takes the one timestep: as a number, or as a list of one. */
export const timestepFeed = (network: ModelSession, timestep: number): Feed => ({
  data: [timestep],
  dims: network.inputRank('timestep') === 0 ? [] : [1],
})

/** The noise that a picture begins with. */
export function startingNoise(generator: TorchGenerator, scheduler: Scheduler, shape: readonly number[]): Float32Array {
  const { half, initNoiseSigma } = scheduler
  const count = shape.reduce((product, size) => product * size, 1)
  const noise = generator.randn(count, half ? 'float16' : 'float32')
  const round = half ? roundToFloat16 : Math.fround
  return initNoiseSigma === 1 ? noise : noise.map((value) => round(value * initNoiseSigma))
}

/** Noise to latents for one picture, or a part of the way. */
export async function denoise({
  unet,
  unetConfig,
  conditions = {},
  controls,
  scheduler,
  range: { begin, end } = { begin: 0, end: scheduler.timesteps.length },
  embeddings,
  guided,
  cfg,
  generator,
  start,
  shape,
  onStep,
  onLatents,
}: Denoising): Promise<Float32Array> {
  const batch = guided ? 2 : 1
  const guidance = unet.hasInput('timestep_cond')
    ? { timestep_cond: guidanceEmbedding(cfg - 1, wholeOr(unetConfig.time_cond_proj_dim, 256), batch) }
    : {}
  let sample = start
  let history: SchedulerHistory = []
  for (let index = begin; index < end; index++) {
    const timestep = scheduler.timesteps[index] as number
    onStep(index - begin)
    const scaled = scheduler.scaleModelInput(sample, index)
    const input = { data: guided ? repeat(scaled, 2) : scaled, dims: [batch, ...shape.slice(1)] }
    const { out_sample: output } = await unet.run(
      {
        sample: input,
        timestep: timestepFeed(unet, timestep),
        encoder_hidden_states: embeddings,
        ...conditions,
        ...guidance,
        ...(await controls?.({ sample: input, timestep, embeddings, conditions })),
      },
      ['out_sample'],
    )
    const modelOutput = guided ? (scheduler.half ? guideInHalf : guide)(output.data, cfg) : output.data
    const result = scheduler.step({
      index,
      sample,
      modelOutput,
      history,
      ...(scheduler.drawsNoise(index) ? { noise: generator.randn(sample.length, scheduler.half?.noise) } : {}),
    })
    sample = result.sample
    history = result.history
    onLatents?.(sample, index)
  }
  onStep(end - begin)
  return sample
}

/** Classifier-free guidance on a batch of [negative, positive]: n + cfg · (p − n), rounded to float32 after each operation. */
function guide(output: Float32Array, cfg: number): Float32Array {
  const half = output.length / 2
  const { fround } = Math
  const scale = fround(cfg)
  const guided = new Float32Array(half)
  for (let index = 0; index < half; index++) {
    const negative = output[index] as number
    guided[index] = negative + fround(scale * fround((output[half + index] as number) - negative))
  }
  return guided
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
