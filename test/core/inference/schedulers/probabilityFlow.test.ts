import { describe, expect, test } from 'vitest'
import { createScheduler } from '../../../../src/core/inference/schedulers/createScheduler.js'
import type { Scheduler, SchedulerHistory } from '../../../../src/core/inference/schedulers/scheduler.js'

// For pictures that are normally distributed with deviation c the best prediction is known, and so is where the flow
// without noise leads: a sample keeps its place in units of the deviation √(α²c² + σ²). Every solver, whatever its
// arguments, must arrive there, and the better the higher its order. Nothing here comes from another implementation.

const DEVIATION = 0.5

const model = { beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear', clip_sample: false }

type Level = { alpha: number; sigma: number }
const spread = ({ alpha, sigma }: Level) => Math.hypot(alpha * DEVIATION, sigma)

/** Shares of picture and noise before the call with this number; after the last, where the schedule ends. */
function levelOf(scheduler: Scheduler, index: number, end: number): Level {
  const level = scheduler.sigmas[index]
  if (level !== undefined) return { alpha: 1 / Math.hypot(1, level), sigma: level / Math.hypot(1, level) }
  const timestep = scheduler.timesteps[index]
  const left = timestep === undefined ? end : (scheduler.alphasCumprod[timestep] as number)
  return { alpha: Math.sqrt(left), sigma: Math.sqrt(1 - left) }
}

/** What the perfect model says of a sample of variance α² + σ². */
function perfect(type: Scheduler['predictionType'], level: Level, input: Float32Array): Float32Array {
  const picture = (level.alpha * DEVIATION ** 2) / spread(level) ** 2
  const noise = level.sigma / spread(level) ** 2
  const factor = { epsilon: noise, sample: picture, v_prediction: level.alpha * noise - level.sigma * picture }[type]
  return input.map((value) => value * factor)
}

/** How far from the true end of the flow the schedule ends, as a share. */
function error(method: string, args: object, steps: number): number {
  const scheduler = createScheduler(method, model, { ...args }, steps)
  const calls = scheduler.timesteps.length
  let sample: Float32Array = Float32Array.of(scheduler.initNoiseSigma)
  const first = scheduler.scaleModelInput(sample, 0)[0] as number
  let history: SchedulerHistory = []
  for (let index = 0; index < calls; index++) {
    const input = scheduler.scaleModelInput(sample, index)
    const modelOutput = perfect(scheduler.predictionType, levelOf(scheduler, index, 1), input)
    ;({ sample, history } = scheduler.step({ index, sample, modelOutput, history }))
  }
  const end = levelOf(scheduler, calls, 'set_alpha_to_one' in args ? 1 : (scheduler.alphasCumprod[0] as number))
  // Euler's samples are not scaled to variance 1.
  const last = (sample[0] as number) * (method === 'EulerDiscreteScheduler' ? end.alpha : 1)
  return Math.abs((last * spread(levelOf(scheduler, 0, 1))) / (first * spread(end)) - 1)
}

const predictions = ['epsilon', 'sample', 'v_prediction'].map((prediction_type) => ({ prediction_type }))
const noiseOnly = predictions.filter(({ prediction_type }) => prediction_type !== 'sample')
const each = (...lists: readonly object[][]): object[] =>
  lists.reduce<object[]>((all, list) => all.flatMap((one) => list.map((more) => ({ ...one, ...more }))), [{}])

const closeLevels = [{ use_karras_sigmas: true }, { use_exponential_sigmas: true }]
const levels = [{}, ...closeLevels]
const lastSteps = [{}, { lower_order_final: false }, { disable_corrector: [0, 1, 2] }]
const spacings = ['linspace', 'leading', 'trailing'].map((timestep_spacing) => ({ timestep_spacing }))
const toMinimum = [{ final_sigmas_type: 'sigma_min' }]
const orders = [2, 3].map((solver_order) => ({ solver_order }))

/** Arguments, and the largest error after 80 steps: first orders, long last steps and close levels differ. */
const solvers: [string, object[], number][] = [
  ['DDIMScheduler', each(predictions, spacings, [{ set_alpha_to_one: true }]), 0.05],
  ['DDIMScheduler', each(predictions, [{ steps_offset: 1 }, { timestep_spacing: 'linspace' }]), 0.05],
  ['EulerDiscreteScheduler', each(predictions, levels, [{}, ...toMinimum]), 0.05],
  ['EulerDiscreteScheduler', each(predictions, spacings), 0.05],
  ['EulerDiscreteScheduler', each(predictions, [{ interpolation_type: 'log_linear' }]), 0.05],
  ['EulerDiscreteScheduler', [{ timestep_type: 'continuous', prediction_type: 'v_prediction' }], 0.05],
  ['PNDMScheduler', each(noiseOnly, [{ skip_prk_steps: true }, { skip_prk_steps: false }]), 0.025],
  ['UniPCMultistepScheduler', each(predictions, orders), 0.025],
  ['UniPCMultistepScheduler', each(predictions, closeLevels, orders), 0.003],
  ['UniPCMultistepScheduler', each(predictions, orders, toMinimum, [{ predict_x0: false }]), 0.015],
  [
    'UniPCMultistepScheduler',
    each(orders, toMinimum, [{ predict_x0: true }, { predict_x0: false }], [{ solver_type: 'bh1' }, {}], lastSteps),
    0.05,
  ],
  ['DPMSolverMultistepScheduler', each(predictions, orders, [{}, { solver_type: 'heun' }]), 0.025],
  ['DPMSolverMultistepScheduler', each(predictions, orders, closeLevels, [{}, { solver_type: 'heun' }]), 0.003],
  ['DPMSolverMultistepScheduler', each(predictions, orders, toMinimum, [{ algorithm_type: 'dpmsolver' }]), 0.015],
  [
    'DPMSolverMultistepScheduler',
    each([{ solver_order: 2 }], toMinimum, [{ use_lu_lambdas: true }], [{}, { algorithm_type: 'dpmsolver' }]),
    0.003,
  ],
]

describe.each(solvers)('%s', (method, requests, limit) => {
  test.each(requests)('with %j arrives', (args) => {
    const fine = error(method, args, 80)
    expect(fine).toBeLessThan(limit)
    // Four times as many steps are at least twice as good, down to what the tables of training steps allow.
    expect(fine).toBeLessThan(Math.max(error(method, args, 20) / 2, 0.002))
  })
})
