import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InvalidInputError } from '../../../../src/base/errors.js'
import { createTorchGenerator } from '../../../../src/core/inference/generator/torchGenerator.js'
import { createScheduler, SCHEDULER_METHODS } from '../../../../src/core/inference/schedulers/createScheduler.js'
import type { Scheduler, SchedulerHistory } from '../../../../src/core/inference/schedulers/scheduler.js'
import { parseImageArguments } from '../../../../src/core/task/arguments.js'

const BASES = join(import.meta.dirname, '../../../vectors/schedulers/bases.json')
const bases: Record<string, Record<string, unknown>> = JSON.parse(readFileSync(BASES, 'utf8'))

const flag = fc.boolean()
const spacing = {
  num_train_timesteps: fc.oneof(fc.constant(1000), fc.integer({ min: 1, max: 2000 })),
  beta_start: fc.oneof(fc.constantFrom(0, 0.00085, 1), fc.double({ min: 0, max: 1, noNaN: true })),
  beta_end: fc.oneof(fc.constantFrom(0, 0.012, 1), fc.double({ min: 0, max: 1, noNaN: true })),
  beta_schedule: fc.constantFrom('linear', 'scaled_linear', 'squaredcos_cap_v2'),
  prediction_type: fc.constantFrom('epsilon', 'sample', 'v_prediction'),
  timestep_spacing: fc.constantFrom('linspace', 'leading', 'trailing'),
  steps_offset: fc.oneof(fc.constantFrom(0, 1), fc.integer({ min: 0, max: 1000 })),
}
const common = { ...spacing, rescale_betas_zero_snr: flag }
const thresholding = {
  thresholding: flag,
  dynamic_thresholding_ratio: fc.double({ min: 0, max: 1, noNaN: true }),
  sample_max_value: fc.double({ min: 0, max: 10, noNaN: true }),
}
const clipping = {
  clip_sample: flag,
  clip_sample_range: fc.double({ min: 0, max: 10, noNaN: true }),
  set_alpha_to_one: flag,
}
const levels = {
  use_karras_sigmas: flag,
  use_exponential_sigmas: flag,
  final_sigmas_type: fc.constantFrom('zero', 'sigma_min'),
}

/** Every argument that the schema of a task knows, over all of its range. */
const argumentsOf: Record<string, Record<string, fc.Arbitrary<unknown>>> = {
  DPMSolverMultistepScheduler: {
    ...common,
    ...thresholding,
    solver_order: fc.integer({ min: 1, max: 3 }),
    algorithm_type: fc.constantFrom('dpmsolver', 'dpmsolver++', 'sde-dpmsolver', 'sde-dpmsolver++'),
    solver_type: fc.constantFrom('midpoint', 'heun'),
    lower_order_final: flag,
    euler_at_final: flag,
    use_karras_sigmas: flag,
    use_lu_lambdas: flag,
    final_sigmas_type: fc.constantFrom('zero', 'sigma_min'),
    lambda_min_clipped: fc.double({ min: -10, max: 0, noNaN: true }),
    variance_type: fc.constantFrom('learned', 'learned_range', null),
  },
  EulerAncestralDiscreteScheduler: common,
  LCMScheduler: {
    ...common,
    ...thresholding,
    ...clipping,
    original_inference_steps: fc.integer({ min: 1, max: 1000 }),
    timestep_scaling: fc.double({ min: 0, max: 100, noNaN: true }),
  },
  DDIMScheduler: { ...common, ...thresholding, ...clipping, eta: fc.double({ min: 0, max: 1, noNaN: true }) },
  EulerDiscreteScheduler: {
    ...common,
    ...levels,
    interpolation_type: fc.constantFrom('linear', 'log_linear'),
    timestep_type: fc.constantFrom('discrete', 'continuous'),
    sigma_min: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
    sigma_max: fc.option(fc.double({ min: 0, max: 1000, noNaN: true })),
  },
  PNDMScheduler: { ...spacing, skip_prk_steps: flag, set_alpha_to_one: flag },
  UniPCMultistepScheduler: {
    ...common,
    ...thresholding,
    ...levels,
    solver_order: fc.integer({ min: 1, max: 3 }),
    solver_type: fc.constantFrom('bh1', 'bh2'),
    predict_x0: flag,
    lower_order_final: flag,
    disable_corrector: fc.array(fc.integer({ min: 0, max: 99 })),
  },
}

const requestOf = (method: string) =>
  fc.record({
    base: fc.constantFrom(...Object.keys(bases)),
    // A few at a time: of all at once, hardly any combination is sound.
    args: fc
      .subarray(Object.keys(argumentsOf[method] ?? {}), { maxLength: 4 })
      .chain((names) =>
        fc.record(
          Object.fromEntries(names.map((name) => [name, argumentsOf[method]?.[name] as fc.Arbitrary<unknown>])),
        ),
      ),
    steps: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 100 })),
    seed: fc.nat(1000),
  })

/** The samples after each step, with a model that sees a little of everything. */
function walk(scheduler: Scheduler, seed: number): Float32Array[] {
  const generator = createTorchGenerator(seed)
  let sample: Float32Array = generator.randn(16).map((value) => value * scheduler.initNoiseSigma)
  let history: SchedulerHistory = []
  return scheduler.timesteps.map((timestep, index) => {
    const input = scheduler.scaleModelInput(sample, index)
    const modelOutput = input.map((value) => value * 0.3 + Math.sin(timestep / 100) * 0.1)
    const noise = scheduler.drawsNoise(index) ? { noise: generator.randn(16) } : {}
    const result = scheduler.step({ index, sample, modelOutput, history, ...noise })
    sample = result.sample
    history = result.history
    return sample
  })
}

/** How many calls of the model a request takes. */
function callsOf({ method, timesteps }: Scheduler, steps: number, args: Record<string, unknown>, base: string): number {
  const skipped = args.skip_prk_steps ?? bases[base]?.skip_prk_steps ?? false
  const extra = method === 'PNDMScheduler' ? (skipped ? Math.min(steps - 1, 1) : 9) : 0
  const calls = steps + extra
  // A quotient of the trailing spacing may be rounded to one more; the levels of log_linear are one more.
  const continuous = args.interpolation_type === 'log_linear' && args.timestep_type === 'continuous'
  return timesteps.length === calls + 1 && (timesteps.at(-1) === -1 || continuous) ? calls + 1 : calls
}

describe.each(SCHEDULER_METHODS)('%s', (method) => {
  test('gives finite samples, the same again, for all arguments that it does not refuse', () => {
    let finite = 0
    fc.assert(
      fc.property(requestOf(method), ({ base, args, steps, seed }) => {
        // What is generated here are arguments of the schema.
        parseImageArguments({ base_model: 'x', prompt: 'x', task_config: { steps }, scheduler: { method, args } })
        const create = () => createScheduler(method, bases[base] as Record<string, unknown>, args, steps)
        let scheduler: Scheduler
        try {
          scheduler = create()
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidInputError)
          return
        }
        const samples = walk(scheduler, seed)
        // With next to nothing left of the picture, what is divided by that share may be too large for a float32.
        const ordinary = scheduler.alphasCumprod.every((alpha) => alpha === 0 || alpha > 1e-12)
        if (ordinary) for (const sample of samples) expect(sample.every(Number.isFinite)).toBe(true)
        finite += ordinary ? 1 : 0
        expect(walk(create(), seed)).toEqual(samples)
        const calls = callsOf(scheduler, steps, args, base)
        // Clipped training steps are missing from the trailing spacing.
        if (args.lambda_min_clipped !== undefined) expect(samples.length).toBeLessThanOrEqual(calls)
        else expect(samples.length).toBe(calls)
        expect(scheduler.timesteps.every(Number.isFinite)).toBe(true)
        expect(Number.isFinite(scheduler.initNoiseSigma)).toBe(true)
      }),
      { numRuns: 400, seed: 7 },
    )
    expect(finite).toBeGreaterThan(80)
  })

  test('honours every argument, or refuses it: none is ignored', () => {
    for (const name of Object.keys(argumentsOf[method] ?? {})) {
      expect(() => createScheduler(method, {}, { [name]: Symbol('no such value') }, 4)).toThrow(
        `${method} cannot work with ${name}`,
      )
    }
  })
})
