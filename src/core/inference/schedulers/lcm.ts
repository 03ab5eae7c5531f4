import { add, divide, linearCombination, multiply, squareRoot, subtract } from './float32.js'
import { limitedPicture } from './limitedPicture.js'
import { linspace } from './numpyRanges.js'
import { predictedPicture } from './prediction.js'
import type { Scheduler } from './scheduler.js'
import {
  choice,
  flag,
  freeText,
  integer,
  noiseSettings,
  real,
  refusedSetting,
  resolveSettings,
  type SchedulerOptions,
  type SettingsOf,
  type SettingsTable,
  trainingNoiseOf,
} from './schedulerSettings.js'
import { requireFinite, requireThreshold } from './soundSchedule.js'
import { BETA_SCHEDULES, cumulativeAlphas } from './trainingNoise.js'

const METHOD = 'LCMScheduler'

/** √(variance) of the data for the boundary conditions. */
const SIGMA_DATA = 0.5

const settingsTable = {
  ...noiseSettings,
  beta_start: real(0.00085, 0, 1),
  beta_end: real(0.012, 0, 1),
  beta_schedule: choice('scaled_linear', BETA_SCHEDULES),
  original_inference_steps: integer(50, 1, 100_000),
  clip_sample: flag(false),
  clip_sample_range: real(1, 0, 1e9),
  set_alpha_to_one: flag(true),
  prediction_type: choice('epsilon', ['epsilon', 'sample', 'v_prediction']),
  thresholding: flag(false),
  dynamic_thresholding_ratio: real(0.995, 0, 1),
  sample_max_value: real(1, 0, 1e6),
  // The algorithm has its own spacing; the original reads the name and never looks at it.
  timestep_spacing: freeText('leading'),
  timestep_scaling: real(10, -1e9, 1e9),
} satisfies SettingsTable

/** Names in the network's public argument schema that the original does not know, and so ignores. */
const WITHOUT_EFFECT = ['clip_samples', 'clip_samples_range']

type Settings = SettingsOf<typeof settingsTable>

/**
 * Multistep sampling of latent consistency models.
 *
 * Luo et al., arXiv:2310.04378; schedule and corner cases as in diffusers 0.32.1, `LCMScheduler`, in float32. Every
 * step but the last draws noise.
 *
 * @throws InvalidInputError for settings on which the original raises or gives NaN, or that are unknown
 */
export function createLcm(options: SchedulerOptions): Scheduler {
  const settings = resolveSettings(METHOD, settingsTable, { ...options, withoutEffect: WITHOUT_EFFECT })
  requireThreshold(METHOD, settings)
  const alphasCumprod = cumulativeAlphas(trainingNoiseOf(settings))
  requireFinite(METHOD, alphasCumprod)
  const timesteps = consistencyTimesteps(settings, options.steps)
  const alphaAt = (timestep: number) => alphasCumprod[timestep] as number
  if (settings.prediction_type === 'epsilon' && timesteps.some((timestep) => alphaAt(timestep) === 0)) {
    const remedy = 'A step of pure noise holds no picture to predict from: use prediction_type v_prediction.'
    throw refusedSetting(METHOD, 'rescale_betas_zero_snr', settings.rescale_betas_zero_snr, remedy)
  }

  const mixtureAt = (timestep: number) => ({
    alpha: squareRoot(alphaAt(timestep)),
    sigma: squareRoot(subtract(1, alphaAt(timestep))),
  })

  return {
    method: METHOD,
    timesteps,
    sigmas: [],
    initNoiseSigma: 1,
    predictionType: settings.prediction_type,
    alphasCumprod,
    scaleModelInput: (sample) => sample,
    drawsNoise: (index) => index < timesteps.length - 1,
    step({ index, sample, modelOutput, noise }) {
      const timestep = timesteps[index] as number
      const { skip, out } = boundaryScalings(timestep, settings.timestep_scaling)
      const picture = limitedPicture(
        predictedPicture(settings.prediction_type, mixtureAt(timestep), sample, modelOutput),
        settings,
      )
      const denoised = linearCombination([out, picture], [skip, sample])
      if (index === timesteps.length - 1) return { sample: denoised, history: [], denoised }

      if (noise === undefined) throw new TypeError(`${METHOD} needs noise at every step but the last`)
      const next = alphaAt(timesteps[index + 1] as number)
      const noisy = linearCombination([squareRoot(next), denoised], [squareRoot(subtract(1, next)), noise])
      return { sample: noisy, history: [], denoised }
    },
  }
}

/** Evenly chosen places of the schedule that the model was distilled on. */
function consistencyTimesteps(settings: Settings, steps: number): number[] {
  const { num_train_timesteps, original_inference_steps: originalSteps } = settings
  if (originalSteps > num_train_timesteps) {
    const remedy = `Use at most num_train_timesteps = ${num_train_timesteps}.`
    throw refusedSetting(METHOD, 'original_inference_steps', originalSteps, remedy)
  }
  if (steps > originalSteps) {
    throw refusedSetting(METHOD, 'steps', steps, `Use at most original_inference_steps = ${originalSteps} steps.`)
  }
  const stride = Math.floor(num_train_timesteps / originalSteps)
  return linspace(0, originalSteps, steps, { endpoint: false }).map(
    (place) => (originalSteps - Math.floor(place)) * stride - 1,
  )
}

/** How much of the sample and of the prediction make the result, so that timestep 0 returns the sample. */
function boundaryScalings(timestep: number, scaling: number): { skip: number; out: number } {
  const scaled = multiply(timestep, scaling)
  const sum = add(multiply(scaled, scaled), SIGMA_DATA ** 2)
  return { skip: divide(SIGMA_DATA ** 2, sum), out: divide(scaled, squareRoot(sum)) }
}
