import { createHash } from 'node:crypto'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeAll, describe, expect, test } from 'vitest'
import { packageRoot } from '../../../../src/base/packageRoot.js'
import type { ImagePipeline } from '../../../../src/core/inference/pipelines/imagePipeline.js'
import { loadStableDiffusion } from '../../../../src/core/inference/pipelines/stableDiffusion.js'
import { makeWindows } from '../../../../src/core/inference/prompt/encodePrompt.js'
import { createPromptEncoder } from '../../../../src/core/inference/prompt/promptEncoder.js'
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

  // A newer Unicode may know it, and would cut it into other tokens; U+FFFF is unknown to every version.
  test.each(['prompt', 'negative_prompt'])(
    'a %s with an unknown character is refused, and nobody is blamed',
    async (field) => {
      const task = parseImageArguments({ base_model: 'x', prompt: 'a cat', [field]: 'a \uffff cat' })
      await expect(pipeline.run(task, silent)).rejects.toMatchObject({
        code: 'CRYNUX_MODEL_INPUT',
        message: expect.stringContaining(`field ${field} has a character that is not in Unicode`),
      })
    },
  )

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

  test('a model of Stable Diffusion 2: its own configuration says v_prediction, and its tokenizer pads with "!"', async () => {
    const golden = flow.find(({ id }) => id === '21-vpred-zsnr') as GoldenCase
    const path = await mkdtemp(join(tmpdir(), 'crynux-sd2-'))
    try {
      await cp(sd15Model.path, path, { recursive: true })
      const change = async (file: string, values: object) => {
        const config = JSON.parse(await readFile(join(path, file), 'utf8'))
        await writeFile(join(path, file), JSON.stringify({ ...config, ...values }))
      }
      await change('scheduler/scheduler_config.json', { prediction_type: 'v_prediction' })
      const configured = await loadStableDiffusion({ base: { id: 'golden/sd2', path } }, openSessions())
      const task = argumentsOf(golden, 'golden/sd2')
      const { prediction_type: _, ...args } = task.scheduler.args as Record<string, unknown>
      const asked = { ...task, scheduler: { ...task.scheduler, args } } as typeof task
      await expectGolden(configured, asked, { folder: join(sd15Vectors, 'cases', golden.id), golden })

      await change('tokenizer/tokenizer_config.json', { pad_token: '!' })
      const { tokenizer } = await createPromptEncoder({ id: 'golden/sd2', path }, openSessions())
      expect(makeWindows(tokenizer, [])[0]?.ids).toEqual([tokenizer.startId, tokenizer.endId, ...Array(75).fill(0)])
    } finally {
      await rm(path, { recursive: true })
    }
  })
})
