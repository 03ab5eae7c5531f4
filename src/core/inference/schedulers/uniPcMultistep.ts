import { dynamicThreshold } from './dynamicThreshold.js'
import {
  divide,
  divideBy,
  linearCombination,
  multiply,
  type ScaledTensor,
  scaledDifference,
  subtract,
} from './float32.js'
import { exponentialLevels, karrasLevels, timestepOf } from './noiseSpacing.js'
import { interpolate, roundHalfToEven } from './numpyRanges.js'
import { type NoisePoint, noisePoint, predictedNoise, predictedPicture } from './prediction.js'
import type { Scheduler } from './scheduler.js'
import {
  alwaysOff,
  choice,
  flag,
  integer,
  noiseSettings,
  optionalReal,
  real,
  refusedSetting,
  resolveSettings,
  type SchedulerOptions,
  type Setting,
  type SettingsOf,
  type SettingsTable,
  TIMESTEP_SPACINGS,
  trainingNoiseOf,
} from './schedulerSettings.js'
import { solveLinear } from './solveLinear.js'
import { requireDistinctStart, requireFinite, requireFiniteStep, requireThreshold } from './soundSchedule.js'
import { solverTimesteps } from './timestepSpacing.js'
import { clampedCumulativeAlphas, noiseLevels } from './trainingNoise.js'

const METHOD = 'UniPCMultistepScheduler'

const stepNumbers: Setting<readonly number[]> = {
  default: [],
  expected: 'a list of step numbers, 0 for the first',
  accepts: (value) => Array.isArray(value) && value.every((step) => Number.isInteger(step) && step >= 0),
}

const settingsTable = {
  ...noiseSettings,
  solver_order: integer(2, 1, 3),
  prediction_type: choice('epsilon', ['epsilon', 'sample', 'v_prediction']),
  thresholding: flag(false),
  dynamic_thresholding_ratio: real(0.995, 0, 1),
  sample_max_value: real(1, 0, 1e6),
  predict_x0: flag(true),
  // The solver types of DPMSolverMultistep, which a model's configuration may hold, mean bh2.
  solver_type: choice('bh2', ['bh1', 'bh2', 'midpoint', 'heun', 'logrho']),
  lower_order_final: flag(true),
  disable_corrector: stepNumbers,
  solver_p: choice(null, [null]),
  use_karras_sigmas: flag(false),
  use_exponential_sigmas: flag(false),
  use_beta_sigmas: alwaysOff(),
  use_flow_sigmas: alwaysOff(),
  final_sigmas_type: choice('zero', ['zero', 'sigma_min']),
  timestep_spacing: choice('linspace', TIMESTEP_SPACINGS),
  sigma_min: optionalReal(0, 1e9),
  sigma_max: optionalReal(0, 1e9),
} satisfies SettingsTable

type Settings = SettingsOf<typeof settingsTable>

/**
 * UniPC: a multistep predictor of order 1 to 3, and a corrector that goes over the step before with the output of this one.
 *
 * Zhao et al., arXiv:2302.04867, with B₁(h) and B₂(h); schedule and corner cases as in diffusers 0.32.1,
 * `UniPCMultistepScheduler`, in float32.
 *
 * @throws InvalidInputError for settings on which the original raises or gives NaN, or that are unknown
 */
export function createUniPcMultistep(options: SchedulerOptions): Scheduler {
  const settings = resolveSettings(METHOD, settingsTable, options)
  requireThreshold(METHOD, settings)
  refuseCombinations(settings, options.steps)
  const { prediction_type, predict_x0, solver_order, disable_corrector } = settings
  const alphasCumprod = clampedCumulativeAlphas(trainingNoiseOf(settings))
  const { timesteps, sigmas } = schedule(settings, alphasCumprod, options.steps)
  requireFinite(METHOD, sigmas)
  requireFinite(METHOD, timesteps)
  requireDistinctStart(METHOD, timesteps)
  const points = Array.from(sigmas, noisePoint)

  /** The order of the step at `index`, if the outputs of so many steps are known, its own included. */
  function orderAt(index: number, known: number): number {
    const limit = settings.lower_order_final ? Math.min(solver_order, timesteps.length - index) : solver_order
    return Math.min(limit, known)
  }
  const bridge = (from: number, order: number) => bridgeOf(settings, points.slice(0, from + 2).reverse(), order)

  for (const [index, timestep] of timesteps.entries()) {
    const order = orderAt(index, index + 1)
    const { sample, newest, bend, ratios, ahead, behind } = bridge(index, order)
    const corrected = index < timesteps.length - 1 && !disable_corrector.includes(index)
    const inverse = ratios.map((ratio) => 1 / ratio)
    if (!predict_x0 && prediction_type === 'sample') inverse.push(1 / (points[index] as NoisePoint).sigma)
    requireFiniteStep(METHOD, timestep, [sample, newest, bend, ...inverse, ...ahead, ...(corrected ? behind : [])])
  }

  /** The prediction that is integrated: of the picture, or of the noise. */
  function converted(index: number, sample: Float32Array, modelOutput: Float32Array): Float32Array {
    const point = points[index] as NoisePoint
    if (!predict_x0) return predictedNoise(prediction_type, point, sample, modelOutput)
    const picture = predictedPicture(prediction_type, point, sample, modelOutput)
    if (!settings.thresholding) return picture
    return dynamicThreshold(picture, { ratio: settings.dynamic_thresholding_ratio, maximum: settings.sample_max_value })
  }

  return {
    method: METHOD,
    timesteps,
    sigmas: Array.from(sigmas),
    initNoiseSigma: 1,
    predictionType: prediction_type,
    alphasCumprod,
    scaleModelInput: (sample) => sample,
    drawsNoise: () => false,
    // History: the sample that the step before began with, then the predictions of up to `solver_order` steps.
    step({ index, sample: predicted, modelOutput, history }) {
      const newest = converted(index, predicted, modelOutput)
      const [before, ...earlier] = history
      let sample = predicted
      if (before && !disable_corrector.includes(index - 1)) {
        const order = orderAt(index - 1, earlier.length)
        const { behind, ...step } = bridge(index - 1, order)
        sample = crossed(step, before, earlier, behind, newest)
      }
      const outputs = [...earlier, newest].slice(-solver_order)
      const { ahead, ...step } = bridge(index, orderAt(index, outputs.length))
      return { sample: crossed(step, sample, outputs, ahead), history: [sample.slice(), ...outputs] }
    },
  }
}

function refuseCombinations(settings: Settings, steps: number): void {
  const { final_sigmas_type, predict_x0, solver_type, solver_order, lower_order_final } = settings
  if (settings.use_karras_sigmas && settings.use_exponential_sigmas) {
    throw refusedSetting(METHOD, 'use_exponential_sigmas', true, 'Use only one of the noise level spacings.')
  }
  if (final_sigmas_type !== 'zero') return
  // The last step is infinitely long in log-SNR; these multiply 0 by infinity, and the original gives NaN.
  const remedy = 'Set final_sigmas_type to sigma_min with it.'
  if (!predict_x0) throw refusedSetting(METHOD, 'predict_x0', predict_x0, remedy)
  if (solver_type === 'bh1') throw refusedSetting(METHOD, 'solver_type', solver_type, remedy)
  if (!lower_order_final && Math.min(solver_order, steps) > 1) {
    throw refusedSetting(METHOD, 'lower_order_final', lower_order_final, remedy)
  }
}

/** The factors of one step between two noise levels. */
type Bridge = {
  /** Of the sample, and of the prediction at the beginning. */
  sample: number
  newest: number
  /** Of the weighted differences to the other predictions. */
  bend: number
  /** How far back each earlier prediction lies, in lengths of the step; negative. */
  ratios: number[]
  /** Weights of those differences in the predictor. */
  ahead: number[]
  /** The same in the corrector, and last that of the prediction at the end. */
  behind: number[]
}

/** @param points where the step ends, where it begins, and the places before, newest first */
function bridgeOf(settings: Settings, [target, current, ...past]: readonly NoisePoint[], order: number): Bridge {
  if (!target || !current) throw new TypeError(`${METHOD} has no such step`)
  const h = subtract(target.lambda, current.lambda)
  const signed = settings.predict_x0 ? -h : h
  const growth = Math.fround(Math.expm1(signed))
  const scale = settings.solver_type === 'bh1' ? signed : growth
  const lead = settings.predict_x0 ? target.alpha : target.sigma
  const ratios = past.slice(0, order - 1).map(({ lambda }) => divide(subtract(lambda, current.lambda), h))

  // Row i of the system holds the places of the predictions to the power i; see theorem 3.1 of the paper.
  const places = [...ratios, 1]
  const powers = Array.from({ length: order }, (_, power) => places.map((place) => Math.fround(place ** power)))
  const moments: number[] = []
  let phi = subtract(divide(growth, signed), 1)
  let factorial = 1
  for (let power = 1; power <= order; power++) {
    moments.push(divide(multiply(phi, factorial), scale))
    factorial *= power + 1
    phi = subtract(divide(phi, signed), Math.fround(1 / factorial))
  }
  return {
    sample: settings.predict_x0 ? divide(target.sigma, current.sigma) : divide(target.alpha, current.alpha),
    newest: -multiply(lead, growth),
    bend: -multiply(lead, scale),
    ratios,
    ahead: predictorWeights(powers, moments),
    behind: order === 1 ? [0.5] : solveLinear(powers, moments),
  }
}

/** Of order 1 and 2 in the simplified form of the paper. */
function predictorWeights(powers: readonly (readonly number[])[], moments: readonly number[]): number[] {
  if (powers.length === 1) return []
  if (powers.length === 2) return [0.5]
  return solveLinear(
    powers.slice(0, -1).map((row) => row.slice(0, -1)),
    moments.slice(0, -1),
  )
}

/**
 * The sample at the end of a step.
 *
 * @param outputs predictions at the beginning of the step and before, newest last
 * @param weights of the differences of the earlier ones, newest first, to the one at the beginning
 * @param arrived the prediction at the end of the step, for the corrector
 */
function crossed(
  { sample: stretch, newest: factor, bend, ratios }: Omit<Bridge, 'ahead' | 'behind'>,
  sample: Float32Array,
  outputs: readonly Float32Array[],
  weights: readonly number[],
  arrived?: Float32Array,
): Float32Array {
  const newest = outputs[outputs.length - 1] as Float32Array
  const differences = ratios.map((ratio, index): ScaledTensor => {
    const earlier = outputs[outputs.length - 2 - index] as Float32Array
    return [weights[index] as number, divideBy(ratio, scaledDifference(1, earlier, newest))]
  })
  if (arrived) differences.push([weights[ratios.length] as number, scaledDifference(1, arrived, newest)])
  const straight: [ScaledTensor, ScaledTensor] = [
    [stretch, sample],
    [factor, newest],
  ]
  const [first, ...rest] = differences
  return first
    ? linearCombination(...straight, [bend, linearCombination(first, ...rest)])
    : linearCombination(...straight)
}

type Schedule = { timesteps: number[]; sigmas: Float32Array }

function schedule(settings: Settings, alphasCumprod: Float32Array, steps: number): Schedule {
  const trained = noiseLevels(alphasCumprod)
  const spaced = spacedLevels(settings, trained, steps)
  const lastOf = (levels: readonly number[]) => (settings.final_sigmas_type === 'zero' ? 0 : (levels.at(-1) as number))
  if (!spaced) {
    const timesteps = solverTimesteps(settings, steps)
    const levels = timesteps.map((timestep) => interpolate(trained, timestep))
    return { timesteps, sigmas: Float32Array.of(...levels, lastOf([trained[0] as number])) }
  }
  const whole = settings.use_karras_sigmas ? roundHalfToEven : Math.trunc
  const logarithms = trained.map(Math.log)
  const timesteps = spaced.map((sigma) => whole(timestepOf(sigma, logarithms)))
  return { timesteps, sigmas: Float32Array.of(...spaced, lastOf(spaced)) }
}

/** Noise levels that are spaced themselves, largest first; undefined where the timesteps are spaced instead. */
function spacedLevels(settings: Settings, trained: Float32Array, steps: number): number[] | undefined {
  const largest = settings.sigma_max ?? (trained[trained.length - 1] as number)
  const smallest = settings.sigma_min ?? (trained[0] as number)
  if (settings.use_karras_sigmas) return karrasLevels({ largest, smallest }, steps)
  if (settings.use_exponential_sigmas) return exponentialLevels({ largest, smallest }, steps)
  return undefined
}
