import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { InvalidInputError } from '../../../../src/base/errors.js'
import { createModelScheduler } from '../../../../src/core/inference/schedulers/createModelScheduler.js'
import { createScheduler } from '../../../../src/core/inference/schedulers/createScheduler.js'

const BASES = join(import.meta.dirname, '../../../vectors/schedulers/bases.json')
const bases: Record<string, Record<string, unknown>> = JSON.parse(readFileSync(BASES, 'utf8'))

describe('the scheduler of a model', () => {
  test.each(Object.entries(bases))('%s: the class of its configuration', (_, config) => {
    const scheduler = createModelScheduler(config, 10)
    expect(scheduler.method).toBe(config._class_name)
    expect(scheduler.timesteps).toEqual(createScheduler(scheduler.method, config, {}, 10).timesteps)
  })

  test('may be begun in the middle: what remains is a schedule of its own', () => {
    const scheduler = createModelScheduler(bases.sdxl as Record<string, unknown>, 20)
    const cutoff = Math.round(scheduler.alphasCumprod.length * (1 - 0.8))
    const begin = scheduler.timesteps.findIndex((timestep) => timestep < cutoff)
    expect(scheduler.timesteps.slice(begin)).toEqual([151, 101, 51, 1])
    const sample = Float32Array.of(1, -2)
    const result = scheduler.step({ index: begin, sample, modelOutput: Float32Array.of(0.5, 0.25), history: [] })
    const change = (scheduler.sigmas[begin + 1] as number) - (scheduler.sigmas[begin] as number)
    expect(result.sample[0]).toBeCloseTo(1 + 0.5 * change, 5)
    expect(result.sample[1]).toBeCloseTo(-2 + 0.25 * change, 5)
  })

  test.each([{}, { _class_name: 'HeunDiscreteScheduler' }, { _class_name: 'toString' }])('refuses %j', (config) => {
    expect(() => createModelScheduler(config, 4)).toThrow(InvalidInputError)
  })
})
