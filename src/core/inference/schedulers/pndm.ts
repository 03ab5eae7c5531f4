import { add, divide, divideBy, linearCombination, multiply, scale, squareRoot, subtract } from './float32.js'
import { roundHalfToEven } from './numpyRanges.js'
import { predictedNoise } from './prediction.js'
import type { Scheduler } from './scheduler.js'
import {
  betaSettings,
  choice,
  flag,
  refusedSetting,
  resolveSettings,
  type SchedulerOptions,
  type SettingsTable,
  TIMESTEP_SPACINGS,
  trainingNoiseOf,
} from './schedulerSettings.js'
import { requireFinite, requireFiniteStep, trainedAt } from './soundSchedule.js'
import { samplerTimesteps } from './timestepSpacing.js'
import { cumulativeAlphas } from './trainingNoise.js'

const METHOD = 'PNDMScheduler'

/** So many timesteps are walked with Runge-Kutta steps, less one; each is four calls of the model. */
const WARM_UP = 4

const settingsTable = {
  ...betaSettings,
  skip_prk_steps: flag(false),
  set_alpha_to_one: flag(false),
  prediction_type: choice('epsilon', ['epsilon', 'v_prediction']),
  timestep_spacing: choice('leading', TIMESTEP_SPACINGS),
} satisfies SettingsTable

/**
 * Pseudo numerical methods: a linear multistep method of order 4, warmed up with pseudo Runge-Kutta steps or, as
 * Stable Diffusion does it (`skip_prk_steps`), with lower orders.
 *
 * Liu et al., arXiv:2202.09778, equations 9, 12 and 13; schedule and corner cases as in diffusers 0.32.1,
 * `PNDMScheduler`, in float32. Without the Runge-Kutta steps the second timestep is visited twice, with them each of
 * the first three takes four calls: there are more timesteps than steps.
 *
 * @throws InvalidInputError for settings on which the original raises or gives NaN, or that are unknown
 */
export function createPndm(options: SchedulerOptions): Scheduler {
  const settings = resolveSettings(METHOD, settingsTable, options)
  const noise = trainingNoiseOf({ ...settings, rescale_betas_zero_snr: false })
  const alphasCumprod = cumulativeAlphas(noise)
  requireFinite(METHOD, alphasCumprod)
  const stride = Math.floor(settings.num_train_timesteps / options.steps)
  const visited = samplerTimesteps(settings, options.steps).map(roundHalfToEven)
  if (!settings.skip_prk_steps && visited.length < WARM_UP) {
    const remedy = `Use at least ${WARM_UP} steps, or set skip_prk_steps to true.`
    throw refusedSetting(METHOD, 'steps', options.steps, remedy)
  }
  const warmUp = settings.skip_prk_steps ? [] : rungeKuttaTimesteps(visited, Math.floor(stride / 2))
  const timesteps = settings.skip_prk_steps
    ? [...visited.slice(0, 2), ...visited.slice(1)]
    : [...warmUp, ...visited.slice(WARM_UP - 1)]

  /** From which training step to which the call with this number moves; not always from its own timestep. */
  function move(call: number, timestep: number): Move {
    if (call < warmUp.length) {
      const start = warmUp[call - (call % 4)] as number
      return { from: start, to: timestep - (call % 2 === 0 ? Math.floor(stride / 2) : 0) }
    }
    // The second call refines the first step instead of going on.
    return call === 1 ? { from: timestep + stride, to: timestep } : { from: timestep, to: timestep - stride }
  }
  const finalAlpha = settings.set_alpha_to_one ? 1 : (alphasCumprod[0] as number)
  function factors({ from, to }: Move): Factors {
    return factorsOf(
      trainedAt(METHOD, alphasCumprod, from),
      to >= 0 ? trainedAt(METHOD, alphasCumprod, to) : finalAlpha,
    )
  }
  for (const [index, timestep] of timesteps.entries()) {
    const { denominator, ...others } = factors(move(index, timestep))
    requireFiniteStep(METHOD, timestep, [...Object.values(others), 1 / denominator])
  }

  return {
    method: METHOD,
    timesteps,
    sigmas: [],
    initNoiseSigma: 1,
    predictionType: settings.prediction_type,
    alphasCumprod,
    scaleModelInput: (sample) => sample,
    drawsNoise: () => false,
    step({ index, sample, modelOutput, history }) {
      const [counter, ...arrays] = history
      // Counted from where the caller began: a pipeline may begin in the middle.
      const call = counter?.[0] ?? 0
      const combined =
        call < warmUp.length
          ? rungeKutta(call % 4, sample, modelOutput, arrays)
          : multistep(call, sample, modelOutput, arrays)

      const factor = factors(move(call, timesteps[index] as number))
      const noise = predictedNoise(settings.prediction_type, factor, combined.start, combined.slope)
      const change = divideBy(factor.denominator, scale(factor.difference, noise))
      return {
        sample: linearCombination([factor.sample, combined.start], [-1, change]),
        history: [Float32Array.of(call + 1), ...combined.kept],
      }
    },
  }
}

type Move = { from: number; to: number }

/** Twice each of the first timesteps and of the places halfway to the next, but for both ends. */
function rungeKuttaTimesteps(visited: readonly number[], halfStride: number): number[] {
  const places = visited
    .slice(0, WARM_UP)
    .flatMap((timestep) => [timestep + halfStride, timestep])
    .slice(1)
  return places.flatMap((timestep) => [timestep, timestep]).slice(1, -1)
}

type Combined = {
  /** The sample that the step starts from. */
  start: Float32Array
  /** The model output that it follows. */
  slope: Float32Array
  /** For the next step: earlier outputs, oldest first; in between also what `start` needs. */
  kept: readonly Float32Array[]
}

/**
 * One of the four calls of a Runge-Kutta step.
 *
 * Kept: earlier outputs, then, within a step, the weighted sum of its outputs and the sample at its beginning.
 */
function rungeKutta(
  call: number,
  sample: Float32Array,
  modelOutput: Float32Array,
  arrays: readonly Float32Array[],
): Combined {
  const sixth = Math.fround(1 / 6)
  if (call === 0) {
    const sum = scale(sixth, modelOutput)
    return { start: sample, slope: modelOutput, kept: [...arrays, modelOutput.slice(), sum, sample.slice()] }
  }
  const outputs = arrays.slice(0, -2)
  const [sum, start] = arrays.slice(-2) as [Float32Array, Float32Array]
  if (call === 3) return { start, slope: linearCombination([1, sum], [sixth, modelOutput]), kept: outputs }
  const longer = linearCombination([1, sum], [Math.fround(1 / 3), modelOutput])
  return { start, slope: modelOutput, kept: [...outputs, longer, start] }
}

/**
 * One call of the linear multistep method, of as high an order as there are outputs, up to 4.
 *
 * Kept: up to 3 earlier outputs; after the first call, also the sample that it began with.
 */
function multistep(
  call: number,
  sample: Float32Array,
  modelOutput: Float32Array,
  arrays: readonly Float32Array[],
): Combined {
  if (call === 0) {
    return { start: sample, slope: modelOutput, kept: [modelOutput.slice(), sample.slice()] }
  }
  if (call === 1) {
    const [first, start] = arrays as [Float32Array, Float32Array]
    return { start, slope: divideBy(2, linearCombination([1, modelOutput], [1, first])), kept: [first] }
  }
  const kept = [...arrays, modelOutput.slice()].slice(-3)
  const [e1, e2, e3] = arrays.toReversed()
  if (!e1) throw new TypeError(`${METHOD} needs the history of the step before`)
  if (!e2) return { start: sample, slope: divideBy(2, linearCombination([3, modelOutput], [-1, e1])), kept }
  if (!e3) {
    return { start: sample, slope: divideBy(12, linearCombination([23, modelOutput], [-16, e1], [5, e2])), kept }
  }
  const sum = linearCombination([55, modelOutput], [-59, e1], [37, e2], [-9, e3])
  return { start: sample, slope: scale(Math.fround(1 / 24), sum), kept }
}

/** Equation 9: the sample is stretched, and the slope times `difference` over `denominator` is taken away. */
type Factors = { alpha: number; sigma: number; sample: number; difference: number; denominator: number }

function factorsOf(from: number, to: number): Factors {
  const remaining = subtract(1, from)
  const left = multiply(from, squareRoot(subtract(1, to)))
  return {
    alpha: squareRoot(from),
    sigma: squareRoot(remaining),
    sample: squareRoot(divide(to, from)),
    difference: subtract(to, from),
    denominator: add(left, squareRoot(multiply(multiply(from, remaining), to))),
  }
}
