import { createHash } from 'node:crypto'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeAll, describe, expect, test } from 'vitest'
import { packageRoot } from '../../../../src/base/packageRoot.js'
import type { ImagePipeline } from '../../../../src/core/inference/pipelines/imagePipeline.js'
import { loadStableDiffusion } from '../../../../src/core/inference/pipelines/stableDiffusion.js'
import { parseImageArguments } from '../../../../src/core/task/arguments.js'
import { argumentsOf, expectGolden, type GoldenCase, readGoldenCases } from '../../../helpers/goldenPictures.js'
import { openSessions, sd15Model, sd15Vectors } from '../../../helpers/sd15Model.js'

const flow = readGoldenCases(sd15Vectors).filter(({ kind }) => kind === undefined)

let pipeline: ImagePipeline
beforeAll(async () => {
  pipeline = await loadStableDiffusion({ base: sd15Model }, openSessions())
})

const extras = join(packageRoot, 'test/vectors/sd15-extras')
const replaced = readGoldenCases(extras)

const silent = { onProgress: () => {}, onStageEnd: () => {} }

describe('Stable Diffusion, against golden runs of the original', () => {
  test.each(flow.filter(({ images }) => images).map((each) => [each.id, each] as const))('%s', (id, golden) =>
    expectGolden(pipeline, argumentsOf(golden, sd15Model.id), { folder: join(sd15Vectors, 'cases', id), golden }),
  )

  test.each(replaced.map((each) => [each.id, each] as const))('%s', async (id, golden) => {
    const { unet, vae } = golden.task_args
    const model = await loadStableDiffusion(
      {
        base: sd15Model,
        ...(unet ? { unet: { id: 'golden/unet-lcm', path: join(extras, 'unet-lcm') } } : {}),
        ...(vae ? { vae: { id: 'golden/vae-alt', path: join(extras, 'vae-alt') } } : {}),
      },
      openSessions(),
    )
    await expectGolden(model, argumentsOf(golden, sd15Model.id), { folder: join(extras, 'cases', id), golden })
  })

  test('the decoded golden pictures are the ones that were hashed', async () => {
    const [first] = flow
    const raw = await sharp(join(sd15Vectors, 'cases', first?.images?.[0]?.file ?? ''))
      .raw()
      .toBuffer()
    expect(createHash('sha256').update(raw).digest('hex')).toBe(first?.images?.[0]?.rgb_sha256)
  })

  test.each(flow.filter(({ error }) => error).map((each) => [each.id, each] as const))(
    '%s is refused as bad arguments',
    async (_id, golden) => {
      const run = async () => pipeline.run(parseImageArguments({ ...golden.task_args, base_model: 'x' }), silent)
      await expect(run()).rejects.toMatchObject({ code: 'CRYNUX_INVALID_ARGUMENTS' })
    },
  )

  test('a size that the exported graph cannot halve is refused by its field', async () => {
    const task = parseImageArguments({
      base_model: 'x',
      prompt: 'a cat',
      task_config: { image_width: 72, image_height: 64 },
    })
    await expect(pipeline.run(task, silent)).rejects.toThrow(
      'field task_config.image_width is 72, must be a multiple of 16 for this model',
    )
  })

  test('several pictures continue one generator: the first is that of a task for one', async () => {
    const three = flow.find(({ id }) => id === '09-eulera-3images') as GoldenCase
    const task = argumentsOf(three, sd15Model.id)
    const [first] = await pipeline.run(task, silent)
    const [only] = await pipeline.run({ ...task, task_config: { ...task.task_config, num_images: 1 } }, silent)
    expect(only?.data).toEqual(first?.data)
  })
})
