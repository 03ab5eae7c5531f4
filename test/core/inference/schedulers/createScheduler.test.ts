import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { InvalidInputError } from '../../../../src/base/errors.js'
import { createTorchGenerator } from '../../../../src/core/inference/generator/torchGenerator.js'
import { createScheduler, SCHEDULER_METHODS } from '../../../../src/core/inference/schedulers/createScheduler.js'
import type { Scheduler, SchedulerHistory } from '../../../../src/core/inference/schedulers/scheduler.js'
import { npyRow, readNpy } from '../../../helpers/npy.js'

const FOLDER = join(import.meta.dirname, '../../../vectors/schedulers')

type Case = {
  id: string
  scheduler: string
  base: string
  args: Record<string, unknown>
  steps: number
  seed: number
  shape: number[]
  timesteps: number[]
  sigmas?: number[]
  init_noise_sigma: number
  x: string
  model_inputs: string
  rand: string
  noise_draws: number
  denoised?: string
  eta?: number | null
  timesteps_dtype: string
  finite?: boolean
  error?: string
}

const bases: Record<string, Record<string, unknown>> = JSON.parse(readFileSync(join(FOLDER, 'bases.json'), 'utf8'))
const cases: Case[] = JSON.parse(readFileSync(join(FOLDER, 'cases.json'), 'utf8'))
const good = cases.filter(({ error, finite }) => error === undefined && finite !== false)
const bad = cases.filter(({ error, finite }) => error !== undefined || finite === false)

// The original takes eta with each step.
const schedulerOf = ({ scheduler, base, args, steps, eta }: Case) =>
  createScheduler(scheduler, bases[base] as Record<string, unknown>, eta ? { ...args, eta } : args, steps)
const tensor = (name: string) => readNpy(join(FOLDER, name))
const largest = (values: Float32Array) => values.reduce((a, b) => Math.max(a, Math.abs(b)), 0)

/** The largest difference of two tensors, as a share of the largest golden value (at least 1). */
function deviation(actual: Float32Array, golden: Float32Array): number {
  expect(actual.length).toBe(golden.length)
  const worst = actual.reduce((a, value, index) => {
    const difference = Math.abs(value - (golden[index] as number))
    return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(a, difference)
  }, 0)
  return worst / Math.max(1, largest(golden))
}

/** The model of the golden cases. */
function fakeModel(input: Float32Array, timestep: number): Float32Array {
  const shift = Math.fround(Math.sin(timestep / 100) * 0.05)
  return input.map((value) => Math.fround(value * Math.fround(0.1)) + shift)
}

/** Walks the schedule with the fake model and compares what comes and goes with the golden tensors. */
function walk(scheduler: Scheduler, entry: Case, compared = entry.timesteps.length): void {
  const golden = { x: tensor(entry.x), inputs: tensor(entry.model_inputs), rand: tensor(entry.rand) }
  const denoised = entry.denoised === undefined ? undefined : tensor(entry.denoised)
  const hugeNoise = entry.scheduler.startsWith('Euler') && entry.args.rescale_betas_zero_snr === true
  const tolerance = hugeNoise ? 2e-4 : 5e-6

  const generator = createTorchGenerator(entry.seed)
  const draw = (row: number) => {
    const values = generator.randn(entry.shape.reduce((a, b) => a * b))
    expect(values).toEqual(npyRow(golden.rand, row))
    return values
  }
  let sample: Float32Array = draw(0).map((value) => value * scheduler.initNoiseSigma)
  expect(deviation(sample, npyRow(golden.x, 0))).toBeLessThanOrEqual(tolerance)
  let history: SchedulerHistory = []
  let draws = 0
  for (const [index, timestep] of scheduler.timesteps.slice(0, compared).entries()) {
    const input = scheduler.scaleModelInput(sample, index)
    expect(deviation(input, npyRow(golden.inputs, index))).toBeLessThanOrEqual(tolerance)
    const before = sample.slice()
    const modelOutput = fakeModel(input, timestep)
    const noise = scheduler.drawsNoise(index) ? { noise: draw(++draws) } : {}
    const result = scheduler.step({ index, sample, modelOutput, history, ...noise })
    expect(sample).toEqual(before)
    sample = result.sample
    history = result.history
    expect(deviation(sample, npyRow(golden.x, index + 1))).toBeLessThanOrEqual(tolerance)
    if (denoised) {
      expect(deviation(result.denoised as Float32Array, npyRow(denoised, index))).toBeLessThanOrEqual(tolerance)
    }
  }
}

describe('schedulers', () => {
  test('have golden cases for each method', () => {
    for (const method of SCHEDULER_METHODS) {
      expect(good.filter(({ scheduler }) => scheduler === method).length).toBeGreaterThan(10)
    }
    expect([good.length, bad.length]).toEqual([207, 23])
  })

  test.each(good)('$id: $scheduler of $base with $args in $steps steps', (entry) => {
    const scheduler = schedulerOf(entry)
    expect(scheduler.timesteps.length).toBe(entry.timesteps.length)
    // Whole timesteps exactly; those that come out of logarithms to the last bit but a few.
    const slack = entry.timesteps_dtype === 'torch.float32' ? 1e-6 : 0
    for (const [index, timestep] of entry.timesteps.entries()) {
      expect(Math.abs((scheduler.timesteps[index] as number) - timestep)).toBeLessThanOrEqual(
        slack * Math.abs(timestep),
      )
    }
    expect(scheduler.initNoiseSigma / entry.init_noise_sigma).toBeCloseTo(1, 6)
    for (const [index, sigma] of (entry.sigmas ?? []).entries()) {
      expect(Math.abs((scheduler.sigmas[index] as number) - sigma)).toBeLessThanOrEqual(1e-6 * sigma)
    }
    expect(entry.timesteps.filter((_, index) => scheduler.drawsNoise(index)).length).toBe(entry.noise_draws)

    walk(scheduler, entry)
  })

  test.each(['unipc-226', 'unipc-228'].map((id) => cases.find((entry) => entry.id === id) as Case))(
    '$id: $args is right up to the last step, which is not finite',
    (entry) => {
      // Only the end of the last step depends on it.
      const scheduler = schedulerOf({ ...entry, args: { ...entry.args, final_sigmas_type: 'sigma_min' } })
      walk(scheduler, entry, entry.timesteps.length - 1)
    },
  )

  test.each(bad)('$id: $scheduler refuses $args in $steps steps', (entry) => {
    expect(() => schedulerOf(entry)).toThrow(InvalidInputError)
  })

  test('refuses an unknown method, argument and value by name', () => {
    expect(() => createScheduler('HeunScheduler', {}, {}, 4)).toThrow('Unknown scheduler "HeunScheduler"')
    expect(() => createScheduler('LCMScheduler', {}, { solver_order: 2 }, 4)).toThrow('"solver_order"')
    expect(() => createScheduler('LCMScheduler', {}, { timestep_scaling: null }, 4)).toThrow('timestep_scaling = null')
    expect(() => createScheduler('LCMScheduler', {}, {}, 0)).toThrow('0 steps')
    expect(() => createScheduler('DPMSolverMultistepScheduler', { use_flow_sigmas: true }, {}, 4)).toThrow(
      'use_flow_sigmas',
    )
  })

  test('refuses schedules that begin twice at the same timestep', () => {
    const args = { num_train_timesteps: 10 }
    expect(() => createScheduler('DPMSolverMultistepScheduler', {}, args, 40)).toThrow('no distinct timesteps')
  })

  test('ignores what only other schedulers know in a model configuration', () => {
    const config = { _class_name: 'PNDMScheduler', skip_prk_steps: true, clip_sample: null }
    const scheduler = createScheduler('LCMScheduler', config, { thresholding: undefined }, 2)
    expect(scheduler.timesteps).toEqual([999, 499])
  })
})
