import { cp, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runTask } from '../../../../src/core/inference/childProcess/runTask.js'
import { roundToFloat16 } from '../../../../src/core/inference/generator/halfPrecision.js'
import { createTorchGenerator, type DrawPrecision } from '../../../../src/core/inference/generator/torchGenerator.js'
import { denoise, startingNoise } from '../../../../src/core/inference/pipelines/denoise.js'
import { inPrecision } from '../../../../src/core/inference/pipelines/latentPrecision.js'
import { createScheduler } from '../../../../src/core/inference/schedulers/createScheduler.js'
import { parseImageArguments } from '../../../../src/core/task/arguments.js'
import { halvingUnet } from '../../../helpers/onnxModel.js'
import { openSessions, ort, sd15Model } from '../../../helpers/sd15Model.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crynux-precision-'))
  for (const name of ['both', 'only-half', 'underscore'])
    await cp(sd15Model.path, join(folder, name), { recursive: true })
  await writeFile(join(folder, 'both/unet/model.fp16.onnx'), halvingUnet('float16'))
  await writeFile(join(folder, 'only-half/unet/model.onnx'), halvingUnet('float16'))
  await writeFile(join(folder, 'underscore/unet/model_fp16.onnx'), halvingUnet('float16'))
})
afterAll(() => rm(folder, { recursive: true }))

const sessions = openSessions()

/** Runs a small task in this process; gives the latents of each step as well. */
async function run(model: string, more: object) {
  const latents: Float32Array[] = []
  const base = { id: model, path: model === 'plain' ? sd15Model.path : join(folder, model) }
  const result = await runTask(
    {
      task: {
        kind: 'image',
        arguments: parseImageArguments({
          base_model: model,
          prompt: 'a small house',
          task_config: { image_width: 64, image_height: 64, steps: 3, cfg: 4, num_images: 1, seed: 11 },
          ...more,
        }),
      },
      models: { base },
    },
    {
      ort,
      sessions,
      now: () => 0,
      onProgress: () => {},
      onTensor: (name, data) => {
        if (name === 'latents') latents.push(data)
      },
    },
  )
  return { result, latents, dtype: result.environment.dtype }
}

const variant = (name: string, model: string) => ({ base_model: { name: model, variant: name } })
const isHalf = (latents: Float32Array[]) =>
  latents.every((each) => each.every((value) => value === roundToFloat16(value)))

describe('the precision of a task is that of the files it names', () => {
  test.each<[string, string, object, string]>([
    ['auto takes the plain files', 'both', {}, 'float32'],
    ['float32 takes the plain files', 'both', { dtype: 'float32' }, 'float32'],
    ['float16 prefers the variant fp16', 'both', { dtype: 'float16' }, 'float16'],
    ['a variant is taken with auto', 'both', variant('fp16', 'both'), 'float16'],
    ['a variant is taken with float16', 'both', { ...variant('fp16', 'both'), dtype: 'float16' }, 'float16'],
    ['a variant may stand behind an underscore', 'underscore', variant('fp16', 'underscore'), 'float16'],
    ['auto is the precision of plain files that are half', 'only-half', {}, 'float16'],
    ['float16 may be in plain files', 'only-half', { dtype: 'float16' }, 'float16'],
  ])('%s', async (_what, model, more, precision) => {
    const { dtype, latents, result } = await run(model, more)
    expect(dtype).toBe(precision)
    expect(latents).toHaveLength(3)
    expect(isHalf(latents)).toBe(precision === 'float16')
    expect(result.files).toHaveLength(1)
  })

  test.each<[string, object, string]>([
    [
      'plain',
      { dtype: 'float16' },
      "file unet/model.fp16.onnx of model 'plain' is missing, which dtype float16 asks for",
    ],
    ['plain', variant('fp16', 'plain'), "file unet/model.onnx of model 'plain' has no variant 'fp16' beside it"],
    ['plain', variant('../x', 'plain'), "file unet/model.onnx of model 'plain' has no variant '../x' beside it"],
    [
      'only-half',
      { dtype: 'float32' },
      "file unet/model.onnx of model 'only-half' computes in float16, and dtype float32 is asked for",
    ],
    [
      'both',
      { ...variant('fp16', 'both'), dtype: 'float32' },
      "file unet/model.fp16.onnx of model 'both' computes in float16, and dtype float32 is asked for",
    ],
  ])('%s with %j is refused', async (model, more, message) => {
    await expect(run(model, more)).rejects.toMatchObject({ code: 'CRYNUX_MODEL_FILE', exitCode: 12, message })
  })

  test('bfloat16 is refused by its name', async () => {
    await expect(run('both', { dtype: 'bfloat16' })).rejects.toMatchObject({
      code: 'CRYNUX_NOT_SUPPORTED_YET',
      details: { field: 'dtype' },
    })
  })

  test('a safety checker is not left out because its file is a variant', async () => {
    await cp(join(folder, 'both'), join(folder, 'checked'), { recursive: true })
    await cp(join(folder, 'both/unet'), join(folder, 'checked/safety_checker'), { recursive: true })
    await rename(join(folder, 'checked/safety_checker/model.onnx'), join(folder, 'checked/safety_checker/unused'))
    await expect(run('checked', { dtype: 'float16' })).rejects.toMatchObject({
      message: "file safety_checker/model.onnx of model 'checked' is missing",
    })
  })
})

describe('half precision', () => {
  test.each<[string, Record<string, unknown>, DrawPrecision]>([
    ['DPMSolverMultistepScheduler', { algorithm_type: 'sde-dpmsolver++' }, 'float32'],
    ['EulerAncestralDiscreteScheduler', {}, 'float16'],
    ['LCMScheduler', {}, 'float16'],
  ])('%s draws noise as the original does', async (method, args, precision) => {
    const plain = createScheduler(method, {}, args, 3)
    const scheduler = inPrecision(plain, 'float16')
    const real = createTorchGenerator(3)
    const drawn: (DrawPrecision | undefined)[] = []
    const generator = {
      ...real,
      randn(count: number, as?: DrawPrecision) {
        drawn.push(as)
        return real.randn(count, as)
      },
    }
    const shape = [1, 4, 5, 5]
    const start = startingNoise(generator, scheduler, shape)
    expect(isHalf([start])).toBe(true)
    await denoise({
      unet: await sessions.open({ id: 'both', path: join(folder, 'both') }, 'unet/model.fp16.onnx'),
      unetConfig: {},
      scheduler,
      embeddings: { data: new Float32Array(2), dims: [1, 1, 2] },
      guided: false,
      cfg: 1,
      generator,
      start,
      shape,
      onStep: () => {},
    })
    const draws = [0, 1, 2].filter((index) => plain.drawsNoise(index)).length
    expect(drawn).toEqual(['float16', ...Array.from({ length: draws }, () => precision)])
  })
})
