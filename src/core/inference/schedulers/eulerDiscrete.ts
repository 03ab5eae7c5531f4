import {
  add,
  divide,
  divideBy,
  exponential,
  linearCombination,
  logarithm,
  multiply,
  squareRoot,
  subtract,
} from './float32.js'
import { exponentialLevels, karrasLevels, timestepOf } from './noiseSpacing.js'
import { interpolate } from './numpyRanges.js'
import type { Scheduler } from './scheduler.js'
import {
  alwaysOff,
  choice,
  flag,
  noiseSettings,
  optionalReal,
  refusedSetting,
  resolveSettings,
  type SchedulerOptions,
  type SettingsOf,
  type SettingsTable,
  TIMESTEP_SPACINGS,
  trainingNoiseOf,
} from './schedulerSettings.js'
import { requireDistinctStart, requireFinite, requireFiniteStep } from './soundSchedule.js'
import { samplerTimesteps } from './timestepSpacing.js'
import { clampedCumulativeAlphas, linspace32, noiseLevels } from './trainingNoise.js'

const METHOD = 'EulerDiscreteScheduler'

const settingsTable = {
  ...noiseSettings,
  prediction_type: choice('epsilon', ['epsilon', 'sample', 'v_prediction']),
  interpolation_type: choice('linear', ['linear', 'log_linear']),
  use_karras_sigmas: flag(false),
  use_exponential_sigmas: flag(false),
  use_beta_sigmas: alwaysOff(),
  sigma_min: optionalReal(0, 1e9),
  sigma_max: optionalReal(0, 1e9),
  timestep_spacing: choice('linspace', TIMESTEP_SPACINGS),
  timestep_type: choice('discrete', ['discrete', 'continuous']),
  final_sigmas_type: choice('zero', ['zero', 'sigma_min']),
} satisfies SettingsTable

type Settings = SettingsOf<typeof settingsTable>

/**
 * Euler steps along the probability flow, without noise.
 *
 * Karras et al., arXiv:2206.00364, algorithm 2 with a churn of 0, in the form of K. Crowson's k-diffusion; schedule
 * and corner cases as in diffusers 0.32.1, `EulerDiscreteScheduler`, in float32.
 *
 * @throws InvalidInputError for settings on which the original raises or gives NaN, or that are unknown
 */
export function createEulerDiscrete(options: SchedulerOptions): Scheduler {
  const settings = resolveSettings(METHOD, settingsTable, options)
  if (settings.use_karras_sigmas && settings.use_exponential_sigmas) {
    throw refusedSetting(METHOD, 'use_exponential_sigmas', true, 'Use only one of the noise level spacings.')
  }
  const alphasCumprod = clampedCumulativeAlphas(trainingNoiseOf(settings))
  const { timesteps, sigmas } = schedule(settings, alphasCumprod, options.steps)
  requireFinite(METHOD, sigmas)
  requireFinite(METHOD, timesteps)
  requireDistinctStart(METHOD, timesteps)
  const level = (index: number) => sigmas[index] as number
  for (const [index, timestep] of timesteps.entries()) requireFiniteStep(METHOD, timestep, [1 / level(index)])

  const largest = sigmas.reduce((a, b) => Math.max(a, b))

  return {
    method: METHOD,
    timesteps,
    sigmas: Array.from(sigmas),
    initNoiseSigma: settings.timestep_spacing === 'leading' ? lengthWithOne(largest) : largest,
    predictionType: settings.prediction_type,
    alphasCumprod,
    scaleModelInput: (sample, index) => divideBy(lengthWithOne(level(index)), sample),
    drawsNoise: () => false,
    step({ index, sample, modelOutput }) {
      const sigma = level(index)
      const denoised = predictedPicture(settings.prediction_type, sigma, sample, modelOutput)
      const derivative = divideBy(sigma, linearCombination([1, sample], [-1, denoised]))
      const stepped = linearCombination([1, sample], [subtract(level(index + 1), sigma), derivative])
      return { sample: stepped, history: [], denoised }
    },
  }
}

/** The picture in a sample that is not scaled down: picture + σ · noise. */
function predictedPicture(
  type: Settings['prediction_type'],
  sigma: number,
  sample: Float32Array,
  modelOutput: Float32Array,
): Float32Array {
  switch (type) {
    case 'epsilon':
      return linearCombination([1, sample], [-sigma, modelOutput])
    case 'sample':
      return modelOutput.slice()
    case 'v_prediction': {
      const scaled = divideBy(add(multiply(sigma, sigma), 1), sample)
      return linearCombination([divide(-sigma, lengthWithOne(sigma)), modelOutput], [1, scaled])
    }
  }
}

/** √(σ² + 1), float32. */
function lengthWithOne(sigma: number): number {
  return squareRoot(add(multiply(sigma, sigma), 1))
}

type Schedule = { timesteps: number[]; sigmas: Float32Array }

function schedule(settings: Settings, alphasCumprod: Float32Array, steps: number): Schedule {
  const trained = noiseLevels(alphasCumprod)
  const spread = samplerTimesteps(settings, steps).map(Math.fround)
  const plain = plainLevels(settings, trained, spread, steps)
  const spaced = spacedLevels(settings, plain, steps)
  const last = settings.final_sigmas_type === 'zero' ? 0 : (trained[0] as number)
  const sigmas = Float32Array.of(...(spaced ?? plain), last)

  if (settings.timestep_type === 'continuous' && settings.prediction_type === 'v_prediction') {
    return { timesteps: Array.from(sigmas.slice(0, -1), (sigma) => multiply(0.25, logarithm(sigma))), sigmas }
  }
  const logarithms = trained.map(Math.log)
  return { timesteps: spaced?.map((sigma) => Math.fround(timestepOf(sigma, logarithms))) ?? spread, sigmas }
}

/** The levels that the model was trained with at the timesteps; `log_linear` makes its own, and one more. */
function plainLevels(settings: Settings, trained: Float32Array, timesteps: number[], steps: number): number[] {
  if (settings.interpolation_type === 'linear') return timesteps.map((timestep) => interpolate(trained, timestep))
  const smallest = Math.log(trained[0] as number)
  const largest = Math.log(trained[trained.length - 1] as number)
  return Array.from(linspace32(largest, smallest, steps + 1), exponential)
}

/** Levels that are spaced themselves; undefined where the timesteps are. Their range is that of the plain levels. */
function spacedLevels(settings: Settings, plain: readonly number[], steps: number): number[] | undefined {
  const largest = settings.sigma_max ?? (plain[0] as number)
  const smallest = settings.sigma_min ?? (plain[plain.length - 1] as number)
  if (settings.use_karras_sigmas) return karrasLevels({ largest, smallest }, steps)
  if (settings.use_exponential_sigmas) return exponentialLevels({ largest, smallest }, steps)
  return undefined
}
