import { InvalidInputError } from '../../../base/errors.js'
import type { ImageTaskArguments } from '../../task/arguments.js'
import type { TorchGenerator } from '../generator/torchGenerator.js'
import { ModelFileError, type ModelFolder, readModelJson } from '../modelFile.js'
import { ModelInputError } from '../modelInputError.js'
import type { PromptPair } from '../prompt/promptConditioning.js'
import { createModelScheduler } from '../schedulers/createModelScheduler.js'
import { linearCombination, squareRoot, subtract } from '../schedulers/float32.js'
import { roundHalfToEven } from '../schedulers/numpyRanges.js'
import type { Scheduler } from '../schedulers/scheduler.js'
import type { SessionStore } from '../session.js'
import { denoise, type StepRange } from './denoise.js'
import { inPrecision, precisionOf } from './latentPrecision.js'
import { aestheticTimeIds } from './timeIds.js'
import { openUnet, requireFittingUnet } from './unet.js'
import { unetInputs } from './unetInputs.js'

/** The refiner of Stable Diffusion XL: takes the last steps in place of the base model's UNet. */
export type Refiner = {
  /** By what it divides latents on the way down. */
  halvings: number
  /** Prepares for the pictures of one task, if it wants refinement. @throws ModelMismatchError, ModelFileError, ModelInputError */
  prepare(task: ImageTaskArguments, prompts: PromptPair, shape: readonly number[]): Refinement | undefined
}

export type Refinement = {
  /** How many steps it takes. */
  steps: number
  refine(
    latents: Float32Array,
    generator: TorchGenerator,
    progress: { onStep(done: number): void; onLatents?(latents: Float32Array, index: number): void },
  ): Promise<Float32Array>
}

/** Fixed by the original's task code, which leaves them at the defaults of `StableDiffusionXLImg2ImgPipeline`. */
const GUIDANCE = 5
const SCORE = { positive: 6, negative: 2.5 }
const STRENGTH = 0.3

const SCHEDULER_FILE = 'scheduler/scheduler_config.json'

/**
 * Opens a refiner: its UNet and its scheduler; text encoder and VAE are those of the base model.
 *
 * The flow is that of the task code of the original on diffusers 0.32.1.
 *
 * @throws ModelFileError
 */
export async function openRefiner(model: ModelFolder, sessions: SessionStore): Promise<Refiner> {
  const schedulerConfig = await readModelJson(model, SCHEDULER_FILE)
  const unet = await openUnet(sessions, { model, field: 'refiner.model', folder: 'unet/' })

  return {
    halvings: unet.halvings,
    prepare({ refiner, controlnet, task_config: { image_height: height, image_width: width } }, prompts, shape) {
      if (!refiner) return undefined
      const { denoising_cutoff: cutoff, steps } = refiner
      const timeIds = {
        positive: aestheticTimeIds(height, width, SCORE.positive),
        negative: aestheticTimeIds(height, width, SCORE.negative),
      }
      requireFittingUnet(unet, prompts.positive, timeIds.positive.length)
      const scheduler = inPrecision(ownScheduler(model, schedulerConfig, steps), precisionOf(unet.session))
      // The original's pipelines with a ControlNet cannot stop before the end: what they give is noised again.
      const noised = Boolean(controlnet)
      const range = noised ? lastByStrength(scheduler, steps) : refinedSteps(scheduler, steps, cutoff)
      if (noised && range.begin === range.end) throw tooFewSteps(steps)
      const guided = !unet.session.hasInput('timestep_cond')
      const { embeddings, conditions } = unetInputs(prompts, guided, timeIds)

      return {
        steps: range.end - range.begin,
        refine(latents, generator, progress) {
          return denoise({
            unet: unet.session,
            unetConfig: unet.config,
            conditions,
            scheduler,
            range,
            embeddings,
            guided,
            cfg: GUIDANCE,
            generator,
            start: noised
              ? addNoise(scheduler, range.begin, {
                  latents,
                  noise: generator.randn(latents.length, scheduler.half && 'float16'),
                })
              : latents,
            shape,
            ...progress,
          })
        },
      }
    },
  }
}

/** The steps of the base model that come before the refiner's; all of them beside a ControlNet. */
export function stepsBeforeRefiner(
  scheduler: Scheduler,
  { refiner, controlnet }: Pick<ImageTaskArguments, 'refiner' | 'controlnet'>,
): StepRange {
  const all = { begin: 0, end: scheduler.timesteps.length }
  if (!refiner || controlnet || refiner.denoising_cutoff >= 100) return all
  const limit = cutTimestep(scheduler, refiner.denoising_cutoff)
  return { begin: 0, end: scheduler.timesteps.filter((timestep) => timestep >= limit).length }
}

/** Without a fraction to cut at, the original takes the last steps by its default `strength`. */
function refinedSteps(scheduler: Scheduler, steps: number, cutoff: number): StepRange {
  if (cutoff >= 100) return lastByStrength(scheduler, steps)
  const limit = cutTimestep(scheduler, cutoff)
  const { length: end } = scheduler.timesteps
  return { begin: end - scheduler.timesteps.filter((timestep) => timestep < limit).length, end }
}

/** The timestep from which on the refiner is responsible, for a cutoff in percent. */
function cutTimestep({ alphasCumprod: { length: trainSteps } }: Scheduler, cutoff: number): number {
  return roundHalfToEven(trainSteps - (cutoff / 100) * trainSteps)
}

function lastByStrength({ timesteps: { length: end } }: Scheduler, steps: number): StepRange {
  return { begin: steps - Math.floor(steps * STRENGTH), end }
}

/** The scheduler is the refiner's, so it is the refiner that is at fault where it cannot be. */
function ownScheduler(model: ModelFolder, config: Record<string, unknown>, steps: number): Scheduler {
  try {
    return createModelScheduler(config, steps)
  } catch (cause) {
    if (!(cause instanceof InvalidInputError)) throw cause
    throw new ModelFileError(model, SCHEDULER_FILE, `cannot be followed in ${steps} steps: ${cause.message}`, cause)
  }
}

/** On such a task the original makes a picture of no height. How many timesteps there are depends on the refiner's own scheduler. */
const tooFewSteps = (steps: number) =>
  new ModelInputError(
    'refiner.steps',
    `is ${steps}, must be at least 4 beside a ControlNet`,
    'Give the refiner at least 4 steps.',
  )

/** Noise of a step's level on top of latents; EulerDiscrete and its kind count in multiples of the picture. */
function addNoise(
  { method, sigmas, alphasCumprod, timesteps }: Scheduler,
  index: number,
  { latents, noise }: { latents: Float32Array; noise: Float32Array },
): Float32Array {
  if (method.startsWith('Euler')) return linearCombination([1, latents], [sigmas[index] ?? 0, noise])
  const kept = alphasCumprod[Math.round(timesteps[index] ?? 0)] ?? 1
  return linearCombination([squareRoot(kept), latents], [squareRoot(subtract(1, kept)), noise])
}
