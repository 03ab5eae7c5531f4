import { divide, linearCombination, multiply, squareRoot, subtract } from './float32.js'
import { limitedPicture } from './limitedPicture.js'
import { roundHalfToEven } from './numpyRanges.js'
import { predictedNoise, predictedPicture } from './prediction.js'
import type { Scheduler } from './scheduler.js'
import {
  choice,
  flag,
  noiseSettings,
  real,
  refusedSetting,
  resolveSettings,
  type SchedulerOptions,
  type SettingsTable,
  TIMESTEP_SPACINGS,
  trainingNoiseOf,
} from './schedulerSettings.js'
import { requireFinite, requireFiniteStep, requireThreshold, trainedAt } from './soundSchedule.js'
import { samplerTimesteps } from './timestepSpacing.js'
import { cumulativeAlphas } from './trainingNoise.js'

const METHOD = 'DDIMScheduler'

const settingsTable = {
  ...noiseSettings,
  clip_sample: flag(true),
  clip_sample_range: real(1, 0, 1e9),
  set_alpha_to_one: flag(true),
  prediction_type: choice('epsilon', ['epsilon', 'sample', 'v_prediction']),
  thresholding: flag(false),
  dynamic_thresholding_ratio: real(0.995, 0, 1),
  sample_max_value: real(1, 0, 1e6),
  timestep_spacing: choice('leading', TIMESTEP_SPACINGS),
  // A parameter of the original's step, not of its class: models cannot set it.
  eta: real(0, 0, 1),
} satisfies SettingsTable

/**
 * Denoising diffusion implicit models; with `eta` 1 the variance of DDPM, with 0 no noise at all.
 *
 * Song et al., arXiv:2010.02502, equations 12 and 16; schedule and corner cases as in diffusers 0.32.1,
 * `DDIMScheduler`, in float32. Every step draws noise if `eta` is not 0.
 *
 * @throws InvalidInputError for settings on which the original raises or gives NaN, or that are unknown
 */
export function createDdim(options: SchedulerOptions): Scheduler {
  const { eta: _, ...modelConfig } = options.modelConfig
  const settings = resolveSettings(METHOD, settingsTable, { ...options, modelConfig })
  requireThreshold(METHOD, settings)
  const { num_train_timesteps, prediction_type, eta } = settings
  if (options.steps > num_train_timesteps) {
    throw refusedSetting(METHOD, 'steps', options.steps, `Use at most num_train_timesteps = ${num_train_timesteps}.`)
  }
  const alphasCumprod = cumulativeAlphas(trainingNoiseOf(settings))
  requireFinite(METHOD, alphasCumprod)
  const timesteps = samplerTimesteps(settings, options.steps).map(roundHalfToEven)
  const stride = Math.floor(num_train_timesteps / options.steps)
  const finalAlpha = settings.set_alpha_to_one ? 1 : (alphasCumprod[0] as number)

  const transitions = timesteps.map((timestep) => {
    const target = timestep - stride
    const alpha = trainedAt(METHOD, alphasCumprod, timestep)
    if (prediction_type === 'epsilon' && alpha === 0) {
      const remedy = 'A step of pure noise holds no picture to predict from: use prediction_type v_prediction.'
      throw refusedSetting(METHOD, 'rescale_betas_zero_snr', settings.rescale_betas_zero_snr, remedy)
    }
    const transition = transitionOf(alpha, target >= 0 ? trainedAt(METHOD, alphasCumprod, target) : finalAlpha, eta)
    requireFiniteStep(METHOD, timestep, Object.values(transition))
    if (prediction_type === 'sample') requireFiniteStep(METHOD, timestep, [1 / transition.sigma])
    return transition
  })

  return {
    method: METHOD,
    timesteps,
    sigmas: [],
    initNoiseSigma: 1,
    predictionType: prediction_type,
    alphasCumprod,
    scaleModelInput: (sample) => sample,
    drawsNoise: () => eta > 0,
    step({ index, sample, modelOutput, noise }) {
      const transition = transitions[index] as Transition
      const direction = predictedNoise(prediction_type, transition, sample, modelOutput)
      const picture = limitedPicture(predictedPicture(prediction_type, transition, sample, modelOutput), settings)
      const certain = [
        [transition.picture, picture],
        [transition.direction, direction],
      ] as const
      if (eta === 0) return { sample: linearCombination(...certain), history: [], denoised: picture }
      if (noise === undefined) throw new TypeError(`${METHOD} needs noise at every step when eta is not 0`)
      return { sample: linearCombination(...certain, [transition.noise, noise]), history: [], denoised: picture }
    },
  }
}

type Transition = {
  /** Shares of picture and noise before the step. */
  alpha: number
  sigma: number
  /** Factors of the predicted picture, the predicted noise and the fresh noise in the result. */
  picture: number
  direction: number
  noise: number
}

/** From one cumulative alpha to the next. */
function transitionOf(from: number, to: number, eta: number): Transition {
  const variance = multiply(divide(subtract(1, to), subtract(1, from)), subtract(1, divide(from, to)))
  const deviation = multiply(Math.fround(eta), squareRoot(variance))
  return {
    alpha: squareRoot(from),
    sigma: squareRoot(subtract(1, from)),
    picture: squareRoot(to),
    direction: squareRoot(subtract(subtract(1, to), multiply(deviation, deviation))),
    noise: deviation,
  }
}
