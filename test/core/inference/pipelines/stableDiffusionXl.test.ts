import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ModelFolder, ModelFolders } from '../../../../src/core/inference/modelFile.js'
import type { ImagePipeline } from '../../../../src/core/inference/pipelines/imagePipeline.js'
import { loadStableDiffusion } from '../../../../src/core/inference/pipelines/stableDiffusion.js'
import { loadClipTokenizer } from '../../../../src/core/inference/prompt/clipTokenizer.js'
import { openPrompts } from '../../../../src/core/inference/prompt/openPrompts.js'
import { parseImageArguments } from '../../../../src/core/task/arguments.js'
import { relativeDeviation } from '../../../helpers/deviation.js'
import { argumentsOf, expectGolden, readGoldenCases } from '../../../helpers/goldenPictures.js'
import { readNpy } from '../../../helpers/npy.js'
import { openSessions, sd15Model } from '../../../helpers/sd15Model.js'
import { sdxlModel, sdxlRefiner, sdxlVectors } from '../../../helpers/sdxlModel.js'

const cases = readGoldenCases(sdxlVectors)
const pictures = cases.filter(({ images }) => images)
const sessions = openSessions()
const silent = { onProgress: () => {}, onStageEnd: () => {} }

let pipeline: ImagePipeline
let refining: ImagePipeline
let root: string
beforeAll(async () => {
  pipeline = await loadStableDiffusion({ base: sdxlModel }, sessions)
  refining = await loadStableDiffusion({ base: sdxlModel, refiner: sdxlRefiner }, sessions)
  root = await mkdtemp(join(tmpdir(), 'crynux-sdxl-'))
})
afterAll(() => rm(root, { recursive: true }))

describe('Stable Diffusion XL, against golden runs of the original', () => {
  test.each(pictures.map((each) => [each.id, each] as const))('%s', (id, golden) =>
    expectGolden(golden.kind === 'refiner' ? refining : pipeline, argumentsOf(golden, sdxlModel.id), {
      folder: join(sdxlVectors, 'cases', id),
      golden,
    }),
  )

  test('a task without a refiner is not changed by one that is loaded', async () => {
    const golden = pictures.find(({ id }) => id === '04-turbo')
    if (!golden) throw new Error('no such case')
    await expectGolden(refining, argumentsOf(golden, sdxlModel.id), {
      folder: join(sdxlVectors, 'cases', golden.id),
      golden,
    })
  })
})

type EmbeddingCase = {
  kind: string
  prompt: string
  negative_prompt: string
  ids1: number[]
  ids2: number[]
  files: Record<string, string>
}
describe('prompts for two encoders', () => {
  const embeddings = (cases as unknown as EmbeddingCase[]).filter(({ kind }) => kind === 'embedding')

  test.each(embeddings)('"$prompt": embeddings and pooled ones', async ({ prompt, negative_prompt, files }) => {
    const { encode } = await openPrompts(sdxlModel, sessions, 2)
    const { positive, negative } = await encode(prompt, negative_prompt)
    const found: Record<string, Float32Array | undefined> = {
      prompt_embeds: positive.embedding.data,
      pooled_prompt_embeds: positive.pooled,
      negative_prompt_embeds: negative.embedding.data,
      negative_pooled_prompt_embeds: negative.pooled,
    }
    for (const [name, file] of Object.entries(files)) {
      expect(relativeDeviation(found[name] ?? [], readNpy(join(sdxlVectors, file)).data), name).toBeLessThan(5e-6)
    }
  })

  test.each(embeddings)('"$prompt": the second tokenizer pads with "!"', async ({ prompt, ids1, ids2 }) => {
    for (const [folder, ids] of [['tokenizer', ids1] as const, ['tokenizer_2', ids2] as const]) {
      const { encode, startId, endId, paddingId } = await loadClipTokenizer(sdxlModel, folder)
      const text = encode(prompt)
      expect([startId, ...text, endId, ...Array(77 - 2 - text.length).fill(paddingId)]).toEqual(ids)
    }
  })
})

/** A copy of the model with something else in it, made of links. */
async function changedModel(name: string, change: (path: string) => Promise<void>): Promise<ModelFolder> {
  const path = join(root, name)
  await cp(sdxlModel.path, path, { recursive: true, filter: (from) => !from.endsWith('.onnx') })
  for (const part of ['text_encoder', 'text_encoder_2', 'unet', 'vae_decoder']) {
    await symlink(join(sdxlModel.path, part, 'model.onnx'), join(path, part, 'model.onnx'))
  }
  await change(path)
  return { id: `golden/${name}`, path }
}

const task = (config: object = {}, more: object = {}) =>
  parseImageArguments({
    base_model: sdxlModel.id,
    prompt: 'a cat in the snow',
    task_config: { image_width: 64, image_height: 64, steps: 4, num_images: 1, ...config },
    ...more,
  })

describe('replaced parts', () => {
  test('a UNet in a folder of its own and a VAE with another scaling factor', async () => {
    const alone = join(root, 'unet-alone')
    await cp(join(sdxlModel.path, 'unet'), alone, { recursive: true })
    const same = await loadStableDiffusion({ base: sdxlModel, unet: { id: 'unet/alone', path: alone } }, sessions)
    const [wanted] = await pipeline.run(task(), silent)
    expect((await same.run(task(), silent))[0]?.data).toEqual(wanted?.data)

    const vae = await changedModel('vae', (path) =>
      writeFile(join(path, 'vae_decoder/config.json'), '{"scaling_factor": 1, "block_out_channels": [8, 8, 16, 16]}'),
    )
    const other = await loadStableDiffusion({ base: sdxlModel, vae }, sessions)
    expect((await other.run(task(), silent))[0]?.data).not.toEqual(wanted?.data)
  })

  test('latents are spread by the statistics that a VAE names', async () => {
    const vae = await changedModel('vae-statistics', (path) =>
      writeFile(
        join(path, 'vae_decoder/config.json'),
        // (x · 0.5) / 0.13025 + 0 is x / 0.2605
        '{"scaling_factor": 0.13025, "latents_mean": [0, 0, 0, 0], "latents_std": [0.5, 0.5, 0.5, 0.5], "block_out_channels": [8, 8, 16, 16]}',
      ),
    )
    const plain = await changedModel('vae-plain', (path) =>
      writeFile(
        join(path, 'vae_decoder/config.json'),
        '{"scaling_factor": 0.2605, "block_out_channels": [8, 8, 16, 16]}',
      ),
    )
    const [spread] = await (await loadStableDiffusion({ base: sdxlModel, vae }, sessions)).run(task(), silent)
    const [wanted] = await (await loadStableDiffusion({ base: sdxlModel, vae: plain }, sessions)).run(task(), silent)
    const gaps = wanted?.data.map((value, at) => Math.abs(value - (spread?.data[at] ?? 0))) ?? []
    expect(Math.max(...gaps)).toBeLessThanOrEqual(1)
  })
})

describe('what the refiner takes over', () => {
  const stepsOf = async (refiner: object, config: object = {}) => {
    const steps = { latents: 0, refinedLatents: 0 }
    await refining.run(task(config, { refiner: { model: sdxlRefiner.id, ...refiner } }), {
      ...silent,
      onTensor: (name) => {
        if (name === 'latents' || name === 'refinedLatents') steps[name]++
      },
    })
    return [steps.latents, steps.refinedLatents]
  }

  test.each([
    [80, 5, [4, 1]],
    [50, 4, [2, 2]],
    [1, 3, [0, 3]],
    // The original's default strength, 0.3, when nothing is cut off.
    [100, 10, [4, 3]],
    [100, 3, [4, 0]],
  ])('cutoff %i with %i steps', async (denoising_cutoff, steps, wanted) => {
    expect(await stepsOf({ denoising_cutoff, steps })).toEqual(wanted)
  })

  test('is told as further steps of the same picture', async () => {
    const seen: string[] = []
    await refining.run(
      task({ num_images: 2 }, { refiner: { model: sdxlRefiner.id, denoising_cutoff: 50, steps: 4 } }),
      {
        ...silent,
        onProgress: ({ stage, image, step, steps }) => {
          if (stage === 'denoise') seen.push(`${image}: ${step}/${steps}`)
        },
      },
    )
    expect([...new Set(seen)]).toEqual([0, 1].flatMap((image) => [0, 1, 2, 3, 4].map((step) => `${image}: ${step}/4`)))
  })
})

describe('parts that do not fit', () => {
  const refusal = async (models: ModelFolders, more: object = {}) => {
    const run = async () => (await loadStableDiffusion(models, sessions)).run(task({}, more), silent)
    return run().then(
      () => 'it ran',
      ({ code, message }) => `${code}: ${message}`,
    )
  }
  const refiner = { refiner: { model: 'x', steps: 4 } }

  test.each(['tokenizer_2', 'text_encoder_2'])('no %s', async (part) => {
    const base = await changedModel(`without-${part}`, (path) => rm(join(path, part), { recursive: true }))
    const file = part === 'tokenizer_2' ? 'tokenizer_2/tokenizer_config.json' : 'text_encoder_2/model.onnx'
    expect(await refusal({ base })).toBe(`CRYNUX_MODEL_FILE: file ${file} of model '${base.id}' is missing`)
  })

  test('neither of the second ones', async () => {
    const base = await changedModel('without-seconds', async (path) => {
      for (const part of ['tokenizer_2', 'text_encoder_2']) await rm(join(path, part), { recursive: true })
    })
    expect(await refusal({ base })).toBe(
      `CRYNUX_MODEL_FILE: file tokenizer_2/tokenizer_config.json of model '${base.id}' is missing`,
    )
  })

  test('an encoder without hidden states', async () => {
    const base = await changedModel('without-hidden-states', async (path) => {
      await rm(join(path, 'text_encoder/model.onnx'))
      await symlink(join(sdxlModel.path, 'vae_decoder/model.onnx'), join(path, 'text_encoder/model.onnx'))
    })
    expect(await refusal({ base })).toContain('has no outputs hidden_states.N')
  })

  test.each<[string, ModelFolders, string]>([
    [
      'a UNet of Stable Diffusion 1.5 in XL',
      { base: sdxlModel, unet: sd15Model },
      "model 'golden/sd15-tiny' of field unet is no UNet of Stable Diffusion XL: it has no inputs text_embeds and time_ids",
    ],
    [
      'a UNet of XL in Stable Diffusion 1.5',
      { base: sd15Model, unet: sdxlModel },
      "model 'golden/sdxl-tiny' of field unet is a UNet of Stable Diffusion XL, which the base model is not",
    ],
    [
      'a UNet of the refiner in the base model',
      { base: sdxlModel, unet: sdxlRefiner },
      "model 'golden/sdxl-tiny-refiner' of field unet takes prompts of 48 numbers per token, the text encoders give 80",
    ],
    [
      'a base model as refiner',
      { base: sdxlModel, refiner: sdxlModel },
      "model 'golden/sdxl-tiny' of field refiner.model takes prompts of 80 numbers per token, the text encoders give 48",
    ],
    [
      'Stable Diffusion 1.5 as refiner',
      { base: sdxlModel, refiner: sd15Model },
      "model 'golden/sd15-tiny' of field refiner.model is no UNet of Stable Diffusion XL: it has no inputs text_embeds and time_ids",
    ],
    [
      'a refiner for Stable Diffusion 1.5',
      { base: sd15Model, refiner: sdxlRefiner },
      "model 'golden/sdxl-tiny-refiner' of field refiner.model needs a base model of Stable Diffusion XL",
    ],
  ])('%s', async (_name, models, message) => {
    expect(await refusal(models, models.refiner ? refiner : {})).toBe(`CRYNUX_MODEL_MISMATCH: ${message}`)
  })

  test('a refiner that wants sizes instead of a score', async () => {
    const path = join(root, 'refiner-of-sizes')
    await mkdir(join(path, 'unet'), { recursive: true })
    await cp(join(sdxlRefiner.path, 'scheduler'), join(path, 'scheduler'), { recursive: true })
    await symlink(join(sdxlRefiner.path, 'unet/model.onnx'), join(path, 'unet/model.onnx'))
    const config = { cross_attention_dim: 48, addition_time_embed_dim: 8, projection_class_embeddings_input_dim: 88 }
    await writeFile(join(path, 'unet/config.json'), JSON.stringify(config))
    expect(await refusal({ base: sdxlModel, refiner: { id: 'x/y', path } }, refiner)).toBe(
      "CRYNUX_MODEL_MISMATCH: model 'x/y' of field refiner.model takes 88 numbers about prompt and size, 80 would be given (5 sizes of 8, 40 of the prompt)",
    )
  })

  test('a refiner whose scheduler is unknown', async () => {
    const path = join(root, 'refiner-of-another-kind')
    await cp(sdxlRefiner.path, path, { recursive: true })
    await rm(join(path, 'scheduler'), { recursive: true, force: true })
    await mkdir(join(path, 'scheduler'))
    await writeFile(join(path, 'scheduler/scheduler_config.json'), '{"_class_name": "KDPM2DiscreteScheduler"}')
    expect(await refusal({ base: sdxlModel, refiner: { id: 'x/y', path } }, refiner)).toBe(
      `CRYNUX_MODEL_FILE: file scheduler/scheduler_config.json of model 'x/y' cannot be followed in 4 steps: The model's own scheduler, "KDPM2DiscreteScheduler", is unknown`,
    )
  })

  test('a size that does not halve evenly', async () => {
    await expect(pipeline.run(task({ image_width: 72 }), silent)).rejects.toThrow(
      'field task_config.image_width is 72, must be a multiple of 16 for this model',
    )
  })
})
