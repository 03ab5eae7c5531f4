import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createTorchGenerator } from '../../../../src/core/inference/generator/torchGenerator.js'
import { openRefiner, type Refinement, stepsBeforeRefiner } from '../../../../src/core/inference/pipelines/refine.js'
import { createScheduler } from '../../../../src/core/inference/schedulers/createScheduler.js'
import { parseImageArguments } from '../../../../src/core/task/arguments.js'
import { openSessions } from '../../../helpers/sd15Model.js'
import { sdxlRefiner } from '../../../helpers/sdxlModel.js'

const task = (refiner: object, more: object = {}) =>
  parseImageArguments({
    base_model: 'x',
    prompt: 'x',
    task_config: { image_width: 64, image_height: 64 },
    refiner: { model: 'y', ...refiner },
    ...more,
  })
const sessions = openSessions()
const controlnet = { model: 'z', image_dataurl: 'data:image/png;base64,AAAA' }

describe('the steps of the base model', () => {
  // 999, 799, 599, 399, 199
  const scheduler = createScheduler('DPMSolverMultistepScheduler', {}, { timestep_spacing: 'trailing' }, 5)

  test.each([
    [80, 4],
    [81, 5],
    [60, 3],
    [1, 1],
    [100, 5],
  ])('up to %i %%', (denoising_cutoff, end) => {
    expect(stepsBeforeRefiner(scheduler, task({ denoising_cutoff }))).toEqual({ begin: 0, end })
  })

  test('a step on the cutoff is still one of them', () => {
    const leading = createScheduler('DPMSolverMultistepScheduler', {}, { timestep_spacing: 'leading' }, 4)
    expect(leading.timesteps).toEqual([800, 600, 400, 200])
    expect(stepsBeforeRefiner(leading, task({ denoising_cutoff: 80 }))).toEqual({ begin: 0, end: 4 })
  })

  test('are all of them without a refiner, or beside a ControlNet', () => {
    expect(stepsBeforeRefiner(scheduler, { refiner: null, controlnet: null }).end).toBe(5)
    expect(stepsBeforeRefiner(scheduler, task({ denoising_cutoff: 20 }, { controlnet })).end).toBe(5)
  })
})

const prompt = { embedding: { data: new Float32Array(77 * 48), dims: [77, 48] }, pooled: new Float32Array(40) }
const prompts = { positive: prompt, negative: prompt }
const shape = [1, 4, 8, 8]

test('a step on the cutoff is none of the refiner', async () => {
  const path = await mkdtemp(join(tmpdir(), 'crynux-refiner-'))
  try {
    await cp(sdxlRefiner.path, path, { recursive: true })
    const file = join(path, 'scheduler/scheduler_config.json')
    // 800, 600, 400, 200, 0
    await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), steps_offset: 0 }))
    const refiner = await openRefiner({ id: 'x', path }, sessions)
    expect(refiner.prepare(task({ denoising_cutoff: 80, steps: 5 }), prompts, shape)?.steps).toBe(1)
    expect(refiner.prepare({ ...task({}), refiner: null }, prompts, shape)).toBeUndefined()
  } finally {
    await rm(path, { recursive: true })
  }
})

describe('beside a ControlNet, whose pipelines cannot stop before the end', () => {
  const prepare = async (refiner: object, more: object) =>
    (await openRefiner(sdxlRefiner, sessions)).prepare(task(refiner, more), prompts, shape) as Refinement

  test('the refiner adds noise to the whole picture and takes its last 30 %', async () => {
    const refinement = await prepare({ steps: 10 }, { controlnet })
    expect(refinement.steps).toBe(3)
    const generator = createTorchGenerator(1)
    const steps: number[] = []
    await refinement.refine(new Float32Array(256), generator, { onStep: (step) => steps.push(step) })
    expect(steps).toEqual([0, 1, 2, 3])
    // One tensor of noise was drawn.
    const other = createTorchGenerator(1)
    other.randn(256)
    expect(generator.randn(16)).toEqual(other.randn(16))
  })

  test('nothing is drawn otherwise', async () => {
    const refinement = await prepare({ steps: 10, denoising_cutoff: 90 }, {})
    expect(refinement.steps).toBe(1)
    const generator = createTorchGenerator(1)
    await refinement.refine(new Float32Array(256), generator, { onStep: () => {} })
    expect(generator.randn(16)).toEqual(createTorchGenerator(1).randn(16))
  })

  test('three steps are too few', async () => {
    await expect(prepare({ steps: 3 }, { controlnet })).rejects.toMatchObject({
      code: 'CRYNUX_MODEL_INPUT',
      details: { field: 'refiner.steps' },
    })
  })
})
