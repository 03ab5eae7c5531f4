import { describe, expect, test } from 'vitest'
import { createTorchGenerator } from '../../../../src/core/inference/generator/torchGenerator.js'
import { openRefiner, stepsBeforeRefiner } from '../../../../src/core/inference/pipelines/refine.js'
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

  test('are all of them without a refiner, or beside a ControlNet', () => {
    expect(stepsBeforeRefiner(scheduler, { refiner: null, controlnet: null }).end).toBe(5)
    expect(stepsBeforeRefiner(scheduler, task({ denoising_cutoff: 20 }, { controlnet })).end).toBe(5)
  })
})

describe('beside a ControlNet, whose pipelines cannot stop before the end', () => {
  const prompt = { embedding: { data: new Float32Array(77 * 48), dims: [77, 48] }, pooled: new Float32Array(40) }
  const prompts = { positive: prompt, negative: prompt }
  const shape = [1, 4, 8, 8]
  const prepare = async (refiner: object, more: object) =>
    (await openRefiner(sdxlRefiner, openSessions())).prepare(task(refiner, more), prompts, shape)

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
      code: 'CRYNUX_INVALID_ARGUMENTS',
      details: { field: 'refiner.steps' },
    })
  })
})
