import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeAll, describe, expect, test } from 'vitest'
import { bytesToHex } from '../../../../src/base/hex.js'
import { packageRoot } from '../../../../src/base/packageRoot.js'
import type { ImagePipeline } from '../../../../src/core/inference/pipelines/imagePipeline.js'
import { loadStableDiffusion } from '../../../../src/core/inference/pipelines/stableDiffusion.js'
import { perceptualHash } from '../../../../src/core/phash/perceptualHash.js'
import { type ImageTaskArguments, parseImageArguments } from '../../../../src/core/task/arguments.js'
import { relativeDeviation } from '../../../helpers/deviation.js'
import { npyRow, readNpy } from '../../../helpers/npy.js'
import { openSessions, sd15Model, sd15Vectors } from '../../../helpers/sd15Model.js'

type GoldenCase = {
  id: string
  kind?: string
  task_args: Record<string, unknown> & {
    task_config: { image_width: number; image_height: number; num_images: number }
  }
  images?: { file: string; phash: string; rgb_sha256: string }[]
  timesteps?: number[]
  error?: string
}
const { cases } = JSON.parse(readFileSync(join(sd15Vectors, 'cases.json'), 'utf8')) as { cases: GoldenCase[] }
const flow = cases.filter(({ kind }) => kind === undefined)

/** The schema's least size is larger than one of the golden cases. */
function argumentsOf({ task_args: { task_config: config, ...rest } }: GoldenCase): ImageTaskArguments {
  const { image_width, image_height, ...others } = config
  const parsed = parseImageArguments({ ...rest, base_model: sd15Model.id, task_config: others })
  return { ...parsed, task_config: { ...parsed.task_config, image_width, image_height } }
}

let pipeline: ImagePipeline
beforeAll(async () => {
  pipeline = await loadStableDiffusion({ base: sd15Model }, openSessions())
})

const extras = join(packageRoot, 'test/vectors/sd15-extras')
const replaced = JSON.parse(readFileSync(join(extras, 'cases.json'), 'utf8')).cases as GoldenCase[]

const silent = { onProgress: () => {}, onStageEnd: () => {} }

async function expectGolden(
  model: ImagePipeline,
  task: ImageTaskArguments,
  { folder, golden }: { folder: string; golden: GoldenCase },
): Promise<void> {
  const seen: { name: string; data: Float32Array; image: number; step: number }[] = []
  const pictures = await model.run(task, {
    ...silent,
    onTensor: (name, data, position) => seen.push({ name, data: data.slice(), ...position }),
  })

  expect(pictures).toHaveLength(golden.images?.length ?? 0)
  const prompt = seen.find(({ name }) => name === 'prompt')?.data ?? []
  expect(relativeDeviation(prompt, readNpy(join(folder, 'prompt_embeds.npy')).data)).toBeLessThan(5e-6)
  const steps = readNpy(join(folder, 'latents_steps_image0.npy'))
  for (const { data, step } of seen.filter(({ name, image }) => name === 'latents' && image === 0)) {
    expect(relativeDeviation(data, npyRow(steps, step)), `latents after step ${step}`).toBeLessThan(1e-5)
  }
  const final = readNpy(join(folder, 'latents_final.npy'))
  for (const [index, { data, width, height }] of pictures.entries()) {
    const last = seen.filter(({ name, image }) => name === 'latents' && image === index).at(-1)
    expect(relativeDeviation(last?.data ?? [], npyRow(final, index)), `final latents of picture ${index}`).toBeLessThan(
      1e-5,
    )
    expect([width, height]).toEqual([task.task_config.image_width, task.task_config.image_height])
    const wanted = await sharp(join(folder, `image_${index}.png`))
      .raw()
      .toBuffer()
    const gaps = wanted.map((value, at) => Math.abs(value - (data[at] ?? 0)))
    expect(Math.max(...gaps)).toBeLessThanOrEqual(1)
    expect(gaps.filter((gap) => gap > 0).length / gaps.length).toBeLessThanOrEqual(1e-3)
    expect(bytesToHex(perceptualHash({ data, width, height })).slice(2)).toBe(golden.images?.[index]?.phash)
  }
}

describe('Stable Diffusion, against golden runs of the original', () => {
  test.each(flow.filter(({ images }) => images).map((each) => [each.id, each] as const))('%s', (id, golden) =>
    expectGolden(pipeline, argumentsOf(golden), { folder: join(sd15Vectors, 'cases', id), golden }),
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
    await expectGolden(model, argumentsOf(golden), { folder: join(extras, 'cases', id), golden })
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
    const task = argumentsOf(three)
    const [first] = await pipeline.run(task, silent)
    const [only] = await pipeline.run({ ...task, task_config: { ...task.task_config, num_images: 1 } }, silent)
    expect(only?.data).toEqual(first?.data)
  })
})
