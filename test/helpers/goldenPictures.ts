import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { expect } from 'vitest'
import { bytesToHex } from '../../src/base/hex.js'
import type { ImagePipeline, RawPicture } from '../../src/core/inference/pipelines/imagePipeline.js'
import { perceptualHash } from '../../src/core/phash/perceptualHash.js'
import { type ImageTaskArguments, parseImageArguments } from '../../src/core/task/arguments.js'
import { relativeDeviation } from './deviation.js'
import { npyRow, readNpy } from './npy.js'

/** One run of the original: a task, and what came of it. */
export type GoldenCase = {
  id: string
  kind?: string
  task_args: Record<string, unknown> & {
    task_config: { image_width: number; image_height: number; num_images: number }
  }
  images?: { file: string; phash: string; rgb_sha256: string }[]
  score_hex?: string
  timesteps?: number[]
  error?: string
}

/** The cases of a folder of golden data. */
export const readGoldenCases = (folder: string): GoldenCase[] =>
  JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8')).cases

/** The task of a case, for a model of this name; the schema's least size is larger than one of the golden cases. */
export function argumentsOf(
  { task_args: { task_config: config, ...rest } }: GoldenCase,
  model: string,
): ImageTaskArguments {
  const { image_width, image_height, ...others } = config
  const parsed = parseImageArguments({ ...rest, base_model: model, task_config: others })
  return { ...parsed, task_config: { ...parsed.task_config, image_width, image_height } }
}

/** How far a run is from the golden one. Tensors: largest difference in units of max(1, largest golden value). */
export type GoldenDeviation = {
  tensors: Record<string, number>
  pixels: { levels: number; share: number }[]
  phashes: string[]
  sizes: [number, number][]
}

/** Which file each intermediate tensor is compared with; what a case has no file for is left out. */
const FILES: Record<string, string> = {
  prompt: 'prompt_embeds',
  negativePrompt: 'negative_prompt_embeds',
  pooledPrompt: 'pooled_prompt_embeds',
  pooledNegativePrompt: 'negative_pooled_prompt_embeds',
}

/** Runs a task and compares every tensor and pixel that the case's folder holds. */
export async function measureGolden(
  pipeline: ImagePipeline,
  task: ImageTaskArguments,
  folder: string,
): Promise<GoldenDeviation> {
  const seen: { name: string; data: Float32Array; image: number; step: number }[] = []
  const pictures = await pipeline.run(task, {
    onProgress: () => {},
    onStageEnd: () => {},
    onTensor: (name, data, position) => seen.push({ name, data: data.slice(), ...position }),
  })
  const tensors: Record<string, number> = {}
  const compare = (label: string, actual: Float32Array | undefined, golden: ArrayLike<number>) => {
    tensors[label] = relativeDeviation(actual ?? [], golden)
  }
  const golden = (file: string) =>
    existsSync(join(folder, `${file}.npy`)) ? readNpy(join(folder, `${file}.npy`)) : undefined

  for (const [name, file] of Object.entries(FILES)) {
    const tensor = golden(file)
    if (tensor) compare(file, seen.find((each) => each.name === name)?.data, tensor.data)
  }
  const steps = golden('latents_steps_image0')
  for (let step = 0; step < (steps?.shape[0] ?? 0); step++) {
    const latents = seen.find((each) => each.name === 'latents' && each.image === 0 && each.step === step)
    if (steps) compare(`latents after step ${step}`, latents?.data, npyRow(steps, step))
  }
  const last = (image: number, names: readonly string[]) =>
    seen.filter((each) => names.includes(each.name) && each.image === image).at(-1)?.data
  for (const [file, names] of Object.entries({
    latents_base: ['latents'],
    latents_final: ['latents', 'refinedLatents'],
  })) {
    const tensor = golden(file)
    for (let image = 0; image < (tensor?.shape[0] ?? 0); image++) {
      if (tensor) compare(`${file} of picture ${image}`, last(image, names), npyRow(tensor, image))
    }
  }
  const pixels: GoldenDeviation['pixels'] = []
  for (const [image, picture] of pictures.entries()) {
    pixels.push(await pixelGap(picture, join(folder, `image_${image}.png`)))
  }
  return {
    tensors,
    pixels,
    phashes: pictures.map((picture) => bytesToHex(perceptualHash(picture)).slice(2)),
    sizes: pictures.map(({ width, height }) => [width, height]),
  }
}

async function pixelGap({ data }: RawPicture, file: string): Promise<{ levels: number; share: number }> {
  const wanted = await sharp(file).raw().toBuffer()
  const gaps = wanted.map((value, at) => Math.abs(value - (data[at] ?? 0)))
  return { levels: Math.max(...gaps), share: gaps.filter((gap) => gap > 0).length / gaps.length }
}

/** Expects a run within the tolerances of the golden data: embeddings 5e-6, latents 1e-5, pixels, p-hashes. */
export async function expectGolden(
  pipeline: ImagePipeline,
  task: ImageTaskArguments,
  { folder, golden }: { folder: string; golden: GoldenCase },
): Promise<void> {
  const { tensors, pixels, phashes, sizes } = await measureGolden(pipeline, task, folder)
  expect(Object.keys(tensors)).toEqual(expect.arrayContaining(['prompt_embeds', 'latents_final of picture 0']))
  for (const [name, deviation] of Object.entries(tensors)) {
    expect(deviation, name).toBeLessThan(name.includes('embeds') ? 5e-6 : 1e-5)
  }
  for (const { levels, share } of pixels) {
    expect(levels).toBeLessThanOrEqual(1)
    expect(share).toBeLessThanOrEqual(1e-3)
  }
  expect(phashes).toEqual(golden.images?.map(({ phash }) => phash))
  const { image_width, image_height } = task.task_config
  expect(sizes).toEqual(pixels.map(() => [image_width, image_height]))
}
