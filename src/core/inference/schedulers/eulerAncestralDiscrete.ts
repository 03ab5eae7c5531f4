import { add, divide, divideBy, linearCombination, multiply, squareRoot, subtract } from './float32.js'
import { interpolate } from './numpyRanges.js'
import type { Scheduler } from './scheduler.js'
import {
  choice,
  noiseSettings,
  resolveSettings,
  type SchedulerOptions,
  type SettingsTable,
  TIMESTEP_SPACINGS,
  trainingNoiseOf,
} from './schedulerSettings.js'
import { requireDistinctStart, requireFinite, requireFiniteStep } from './soundSchedule.js'
import { samplerTimesteps } from './timestepSpacing.js'
import { clampedCumulativeAlphas, noiseLevels } from './trainingNoise.js'

const METHOD = 'EulerAncestralDiscreteScheduler'

const settingsTable = {
  ...noiseSettings,
  prediction_type: choice('epsilon', ['epsilon', 'v_prediction']),
  timestep_spacing: choice('linspace', TIMESTEP_SPACINGS),
} satisfies SettingsTable

/**
 * Ancestral sampling with Euler steps: each step goes below its target and adds noise to come back up to it.
 *
 * After K. Crowson's k-diffusion; schedule and corner cases as in diffusers 0.32.1,
 * `EulerAncestralDiscreteScheduler`, in float32. Every step draws noise, the last (which multiplies it by 0) included.
 *
 * @throws InvalidInputError for settings on which the original raises, or that are unknown
 */
export function createEulerAncestralDiscrete(options: SchedulerOptions): Scheduler {
  const settings = resolveSettings(METHOD, settingsTable, options)
  const alphasCumprod = clampedCumulativeAlphas(trainingNoiseOf(settings))
  const trained = noiseLevels(alphasCumprod)
  const timesteps = samplerTimesteps(settings, options.steps).map(Math.fround)
  const sigmas = Float32Array.of(...timesteps.map((timestep) => interpolate(trained, timestep)), 0)
  requireFinite(METHOD, sigmas)
  requireDistinctStart(METHOD, timesteps)
  const level = (index: number) => sigmas[index] as number

  for (const [index, timestep] of timesteps.entries()) {
    const { up, down } = ancestralStep(level(index), level(index + 1))
    requireFiniteStep(METHOD, timestep, [up, down, 1 / level(index)])
  }

  const largest = sigmas.reduce((a, b) => Math.max(a, b))
  const initNoiseSigma = settings.timestep_spacing === 'leading' ? lengthWithOne(largest) : largest

  return {
    method: METHOD,
    timesteps,
    sigmas: Array.from(sigmas),
    initNoiseSigma,
    predictionType: settings.prediction_type,
    alphasCumprod,
    scaleModelInput: (sample, index) => divideBy(lengthWithOne(level(index)), sample),
    drawsNoise: () => true,
    step({ index, sample, modelOutput, noise }) {
      const from = level(index)
      const { up, down } = ancestralStep(from, level(index + 1))
      const denoised =
        settings.prediction_type === 'epsilon'
          ? linearCombination([1, sample], [-from, modelOutput])
          : linearCombination(
              [divide(-from, lengthWithOne(from)), modelOutput],
              [1, divideBy(add(multiply(from, from), 1), sample)],
            )
      const derivative = divideBy(from, linearCombination([1, sample], [-1, denoised]))
      const stepped = linearCombination([1, sample], [subtract(down, from), derivative], [up, requiredNoise(noise)])
      return { sample: stepped, history: [], denoised }
    },
  }
}

/** The level that a step goes down to, and how much noise brings it up again. */
function ancestralStep(from: number, to: number): { up: number; down: number } {
  const fromSquare = multiply(from, from)
  const toSquare = multiply(to, to)
  const up = squareRoot(divide(multiply(toSquare, subtract(fromSquare, toSquare)), fromSquare))
  return { up, down: squareRoot(subtract(toSquare, multiply(up, up))) }
}

/** √(σ² + 1), float32. */
function lengthWithOne(sigma: number): number {
  return squareRoot(add(multiply(sigma, sigma), 1))
}

function requiredNoise(noise: Float32Array | undefined): Float32Array {
  if (noise === undefined) throw new TypeError(`${METHOD} needs noise at every step`)
  return noise
}
