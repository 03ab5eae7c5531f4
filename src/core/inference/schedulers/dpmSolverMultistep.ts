import { dynamicThreshold } from './dynamicThreshold.js'
import {
  add,
  divide,
  divideBy,
  exponential,
  linearCombination,
  logarithm,
  multiply,
  type ScaledTensor,
  scaledDifference,
  squareRoot,
  subtract,
} from './float32.js'
import { exponentialLevels, karrasLevels, timestepOf } from './noiseSpacing.js'
import { interpolate, linspace, roundHalfToEven } from './numpyRanges.js'
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
  type SettingsOf,
  type SettingsTable,
  TIMESTEP_SPACINGS,
  trainingNoiseOf,
} from './schedulerSettings.js'
import { requireDistinctStart, requireFinite, requireFiniteStep, requireThreshold } from './soundSchedule.js'
import { solverTimesteps } from './timestepSpacing.js'
import { clampedCumulativeAlphas, noiseLevels } from './trainingNoise.js'

const METHOD = 'DPMSolverMultistepScheduler'

/** From so many steps on, the last steps are not lowered in order. */
const MANY_STEPS = 15

const settingsTable = {
  ...noiseSettings,
  solver_order: integer(2, 1, 3),
  prediction_type: choice('epsilon', ['epsilon', 'sample', 'v_prediction']),
  thresholding: flag(false),
  dynamic_thresholding_ratio: real(0.995, 0, 1),
  sample_max_value: real(1, 0, 1e6),
  algorithm_type: choice('dpmsolver++', ['dpmsolver', 'dpmsolver++', 'sde-dpmsolver', 'sde-dpmsolver++', 'deis']),
  solver_type: choice('midpoint', ['midpoint', 'heun', 'logrho', 'bh1', 'bh2']),
  lower_order_final: flag(true),
  euler_at_final: flag(false),
  use_karras_sigmas: flag(false),
  use_lu_lambdas: flag(false),
  use_exponential_sigmas: flag(false),
  use_beta_sigmas: alwaysOff(),
  use_flow_sigmas: alwaysOff(),
  final_sigmas_type: choice('zero', ['zero', 'sigma_min']),
  lambda_min_clipped: real(Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.MAX_VALUE),
  variance_type: choice(null, [null, 'learned', 'learned_range', 'fixed_small', 'fixed_large']),
  timestep_spacing: choice('linspace', TIMESTEP_SPACINGS),
  sigma_min: optionalReal(0, 1e9),
  sigma_max: optionalReal(0, 1e9),
} satisfies SettingsTable

type Settings = SettingsOf<typeof settingsTable>

/**
 * DPM-Solver and DPM-Solver++, multistep, of order 1 to 3, with their stochastic variants.
 *
 * Lu et al., arXiv:2206.00927 and arXiv:2211.01095; schedule and corner cases as in diffusers 0.32.1,
 * `DPMSolverMultistepScheduler`, in float32.
 *
 * @throws InvalidInputError for settings on which the original raises, or that are unknown
 */
export function createDpmSolverMultistep(options: SchedulerOptions): Scheduler {
  const settings = resolveSettings(METHOD, settingsTable, options)
  requireThreshold(METHOD, settings)
  refuseCombinations(settings)
  const stochastic = settings.algorithm_type.startsWith('sde-')
  // The original reads these names of other solver families as its own nearest kind.
  const dataPrediction = settings.algorithm_type.endsWith('++') || settings.algorithm_type === 'deis'
  const heun = settings.solver_type === 'heun'

  const alphasCumprod = clampedCumulativeAlphas(trainingNoiseOf(settings))
  const { timesteps, sigmas } = schedule(settings, alphasCumprod, options.steps)
  requireFinite(METHOD, sigmas)
  requireFinite(METHOD, timesteps)
  requireDistinctStart(METHOD, timesteps)
  const points = Array.from(sigmas, noisePoint)
  const point = (index: number) => points[index] as NoisePoint

  function orderAt(index: number, known: number): number {
    const few = settings.lower_order_final && timesteps.length < MANY_STEPS
    const last = index === timesteps.length - 1
    if (known < 1 || settings.solver_order === 1) return 1
    if (last && (settings.euler_at_final || few || settings.final_sigmas_type === 'zero')) return 1
    if (known < 2 || settings.solver_order === 2) return 2
    return few && index === timesteps.length - 2 ? 2 : 3
  }
  if (settings.algorithm_type === 'sde-dpmsolver' && timesteps.some((_, index) => orderAt(index, index) === 3)) {
    throw refusedSetting(METHOD, 'solver_order', 3, 'Use solver_order 1 or 2 with algorithm_type sde-dpmsolver.')
  }

  /** The factors of a step, and how long the steps before it were, in lengths of this one. */
  function factorsAt(index: number, order: number): { weights: StepWeights; ratios: number[] } {
    const target = point(index + 1)
    const current = point(index)
    const h = subtract(target.lambda, current.lambda)
    const kind = { stochastic, heun, order }
    const weights = dataPrediction ? dataWeights(target, current, h, kind) : noiseWeights(target, current, h, kind)
    const gap = (steps: number) => subtract(point(index - steps + 1).lambda, point(index - steps).lambda)
    return { weights, ratios: Array.from({ length: order - 1 }, (_, earlier) => divide(gap(earlier + 1), h)) }
  }
  for (const [index, timestep] of timesteps.entries()) {
    const order = orderAt(index, index)
    const { weights, ratios } = factorsAt(index, order)
    const used = [weights.sample, weights.zeroth, weights.first, weights.second].slice(0, order + 1)
    const inverse = ratios.map((ratio) => 1 / ratio)
    // The noise is computed from a picture by dividing by its share.
    const divided = !dataPrediction && (settings.thresholding || settings.prediction_type === 'sample')
    if (divided) inverse.push(1 / point(index).sigma)
    requireFiniteStep(METHOD, timestep, [...used, ...inverse, stochastic ? weights.noise : 0])
  }

  /** The prediction that the solver integrates: of the picture (++), or of the noise. */
  function converted(index: number, sample: Float32Array, modelOutput: Float32Array): Float32Array {
    const { alpha, sigma } = point(index)
    const threshold = { ratio: settings.dynamic_thresholding_ratio, maximum: settings.sample_max_value }
    if (dataPrediction) {
      const picture = predictedPicture(settings.prediction_type, { alpha, sigma }, sample, modelOutput)
      return settings.thresholding ? dynamicThreshold(picture, threshold) : picture
    }
    const noise = predictedNoise(settings.prediction_type, { alpha, sigma }, sample, modelOutput)
    if (!settings.thresholding) return noise
    const picture = predictedPicture('epsilon', { alpha, sigma }, sample, noise)
    return divideBy(sigma, linearCombination([1, sample], [-alpha, dynamicThreshold(picture, threshold)]))
  }

  return {
    method: METHOD,
    timesteps,
    sigmas: Array.from(sigmas),
    initNoiseSigma: 1,
    predictionType: settings.prediction_type,
    alphasCumprod,
    scaleModelInput: (sample) => sample,
    drawsNoise: () => stochastic,
    step({ index, sample, modelOutput, history, noise }) {
      const newest = converted(index, sample, modelOutput)
      const order = orderAt(index, history.length)
      const { weights, ratios } = factorsAt(index, order)
      const terms: [ScaledTensor, ...ScaledTensor[]] = [
        [weights.sample, sample],
        [weights.zeroth, newest],
      ]
      const earlier = (steps: number) => history[history.length - steps] as Float32Array
      const [ratio0 = 1, ratio1 = 1] = ratios
      if (order === 2) {
        terms.push([weights.first, scaledDifference(divide(1, ratio0), newest, earlier(1))])
      } else if (order === 3) {
        const slope0 = scaledDifference(divide(1, ratio0), newest, earlier(1))
        const slope1 = scaledDifference(divide(1, ratio1), earlier(1), earlier(2))
        const sum = add(ratio0, ratio1)
        const bend = scaledDifference(1, slope0, slope1)
        terms.push([weights.first, linearCombination([1, slope0], [divide(ratio0, sum), bend])])
        terms.push([weights.second, linearCombination([divide(1, sum), bend])])
      }
      if (stochastic) terms.push([weights.noise, requiredNoise(noise)])
      return {
        sample: linearCombination(...terms),
        history: settings.solver_order === 1 ? [] : [...history, newest].slice(1 - settings.solver_order),
      }
    },
  }
}

function requiredNoise(noise: Float32Array | undefined): Float32Array {
  if (noise === undefined) throw new TypeError(`${METHOD} needs noise at every step of a stochastic algorithm`)
  return noise
}

function refuseCombinations(settings: Settings): void {
  const { algorithm_type, final_sigmas_type, prediction_type, variance_type } = settings
  if (final_sigmas_type === 'zero' && !algorithm_type.endsWith('++')) {
    const remedy = `Set final_sigmas_type to sigma_min with algorithm_type ${algorithm_type}.`
    throw refusedSetting(METHOD, 'final_sigmas_type', final_sigmas_type, remedy)
  }
  if (settings.use_karras_sigmas && settings.use_exponential_sigmas) {
    throw refusedSetting(METHOD, 'use_exponential_sigmas', true, 'Use only one of the noise level spacings.')
  }
  if (prediction_type === 'epsilon' && (variance_type === 'learned' || variance_type === 'learned_range')) {
    const remedy = 'Leave variance_type out: latents have no channels for a variance.'
    throw refusedSetting(METHOD, 'variance_type', variance_type, remedy)
  }
}

type Schedule = { timesteps: number[]; sigmas: Float32Array }

function schedule(settings: Settings, alphasCumprod: Float32Array, steps: number): Schedule {
  const trained = noiseLevels(alphasCumprod)
  const logarithms = trained.map(Math.log)
  const last = settings.final_sigmas_type === 'zero' ? 0 : (trained[0] as number)

  const spaced = spacedSigmas(settings, trained, logarithms, steps)
  if (!spaced) {
    const usable = settings.num_train_timesteps - clippedTimesteps(alphasCumprod, settings.lambda_min_clipped)
    const timesteps = solverTimesteps(settings, steps, usable)
    return { timesteps, sigmas: Float32Array.of(...timesteps.map((timestep) => interpolate(trained, timestep)), last) }
  }
  const rounded = settings.beta_schedule !== 'squaredcos_cap_v2' && !settings.use_exponential_sigmas
  const timesteps = spaced.map((sigma) => {
    const timestep = timestepOf(sigma, logarithms)
    return rounded ? roundHalfToEven(timestep) : Math.trunc(timestep)
  })
  return { timesteps, sigmas: Float32Array.of(...spaced, last) }
}

/** Noise levels that are spaced themselves, largest first; undefined where the timesteps are spaced instead. */
function spacedSigmas(
  settings: Settings,
  trained: Float32Array,
  logarithms: Float32Array,
  steps: number,
): number[] | undefined {
  const smallest = settings.sigma_min ?? (trained[0] as number)
  const largest = settings.sigma_max ?? (trained[trained.length - 1] as number)
  if (settings.use_karras_sigmas) return karrasLevels({ largest, smallest }, steps)
  if (settings.use_lu_lambdas) {
    const from = logarithms[logarithms.length - 1] as number
    const to = logarithms[0] as number
    return linspace(0, 1, steps).map((position) => Math.exp(from + position * (to - from)))
  }
  if (settings.use_exponential_sigmas) return exponentialLevels({ largest, smallest }, steps)
  return undefined
}

/** How many of the noisiest training steps have a log signal-to-noise ratio below the limit. */
function clippedTimesteps(alphasCumprod: Float32Array, minimum: number): number {
  let clipped = 0
  for (let index = alphasCumprod.length - 1; index >= 0; index--) {
    const alpha = alphasCumprod[index] as number
    const lambda = subtract(logarithm(squareRoot(alpha)), logarithm(squareRoot(subtract(1, alpha))))
    if (!(lambda < minimum)) break
    clipped++
  }
  return clipped
}

type StepKind = { stochastic: boolean; heun: boolean; order: number }

/** Factors of the sample, of the prediction and its first and second difference, and of the noise. */
type StepWeights = { sample: number; zeroth: number; first: number; second: number; noise: number }

/** DPM-Solver++ integrates the prediction of the picture. */
function dataWeights(target: NoisePoint, current: NoisePoint, h: number, kind: StepKind): StepWeights {
  const { alpha, sigma } = target
  const ratio = divide(sigma, current.sigma)
  const integrated = kind.heun || kind.order === 3
  if (kind.stochastic) {
    const decay = exponential(multiply(-2, h))
    const zeroth = multiply(alpha, subtract(1, decay))
    const curved = subtract(subtract(1, decay), multiply(2, h))
    const doubled = multiply(2, h)
    return {
      sample: multiply(ratio, exponential(-h)),
      zeroth,
      first: integrated ? multiply(alpha, add(divide(subtract(1, decay), multiply(-2, h)), 1)) : multiply(0.5, zeroth),
      second: multiply(alpha, subtract(divide(curved, multiply(doubled, doubled)), 0.5)),
      noise: multiply(sigma, squareRoot(subtract(1, decay))),
    }
  }
  const decay = subtract(exponential(-h), 1)
  const zeroth = multiply(alpha, decay)
  return {
    sample: ratio,
    zeroth: -zeroth,
    first: integrated ? multiply(alpha, add(divide(decay, h), 1)) : -multiply(0.5, zeroth),
    second: -multiply(alpha, subtract(divide(add(decay, h), multiply(h, h)), 0.5)),
    noise: 0,
  }
}

/** DPM-Solver integrates the prediction of the noise. */
function noiseWeights(target: NoisePoint, current: NoisePoint, h: number, kind: StepKind): StepWeights {
  const { alpha, sigma } = target
  const growth = subtract(exponential(h), 1)
  const zeroth = multiply(sigma, growth)
  const integrated = multiply(sigma, subtract(divide(growth, h), 1))
  const factor = kind.stochastic ? 2 : 1
  return {
    sample: divide(alpha, current.alpha),
    zeroth: -multiply(factor, zeroth),
    first: -multiply(factor, kind.heun || kind.order === 3 ? integrated : multiply(0.5, zeroth)),
    second: -multiply(sigma, subtract(divide(subtract(growth, h), multiply(h, h)), 0.5)),
    noise: multiply(sigma, squareRoot(subtract(exponential(multiply(2, h)), 1))),
  }
}
