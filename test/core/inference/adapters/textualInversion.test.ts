import { existsSync, readFileSync } from 'node:fs'
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packageRoot } from '../../../../src/base/packageRoot.js'
import { readTextualInversion } from '../../../../src/core/inference/adapters/textualInversion/readTextualInversion.js'
import { createTextualInversionSessions } from '../../../../src/core/inference/adapters/textualInversion/textualInversionSessions.js'
import { ModelFileError, type ModelFolder } from '../../../../src/core/inference/modelFile.js'
import { ModelMismatchError } from '../../../../src/core/inference/pipelines/modelMismatchError.js'
import { loadStableDiffusion } from '../../../../src/core/inference/pipelines/stableDiffusion.js'
import { encodePrompts } from '../../../../src/core/inference/prompt/encodePrompts.js'
import { createPromptEncoder, ONLY_ENCODER } from '../../../../src/core/inference/prompt/promptEncoder.js'
import { parseImageArguments } from '../../../../src/core/task/arguments.js'
import { relativeDeviation } from '../../../helpers/deviation.js'
import { argumentsOf, expectGolden, type GoldenCase } from '../../../helpers/goldenPictures.js'
import { readNpy } from '../../../helpers/npy.js'
import { openSessions, sd15Model } from '../../../helpers/sd15Model.js'

const folder = join(packageRoot, 'test/vectors/sd15-extras')
type InversionCase = GoldenCase & {
  dir: string
  added_tokens: Record<string, number>
  prompts: { prompt: string; input_ids: number[]; embedding: string }[]
}
const cases = JSON.parse(readFileSync(join(folder, 'textual_inversion.json'), 'utf8')).cases as InversionCase[]
const modelOf = ({ dir }: { dir: string }): ModelFolder => ({ id: `golden/${dir}`, path: join(folder, dir) })

let cacheFolder = ''
let scratch = ''
beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'crynux-inversion-cache-'))
  scratch = await mkdtemp(join(tmpdir(), 'crynux-inversion-'))
})
afterAll(async () => {
  await rm(cacheFolder, { recursive: true, force: true })
  await rm(scratch, { recursive: true, force: true })
})

const silent = { onProgress: () => {}, onStageEnd: () => {} }
const sessionsFor = (textualInversion: ModelFolder, base = sd15Model) =>
  createTextualInversionSessions(openSessions(), { models: { base, textualInversion }, cacheFolder })
const encoderFor = (textualInversion: ModelFolder) =>
  createPromptEncoder(sd15Model, sessionsFor(textualInversion), ONLY_ENCODER, textualInversion)

describe('textual inversion, against the original', () => {
  const learned = cases.filter(({ error }) => !error)

  test.each(learned.map((each) => [each.id, each] as const))('%s: tokens and embeddings', async (_id, golden) => {
    const inversion = modelOf(golden)
    expect((await readTextualInversion(inversion)).tokens).toEqual(Object.keys(golden.added_tokens))
    const encoder = await encoderFor(inversion)
    for (const [token, id] of Object.entries(golden.added_tokens)) {
      expect(encoder.tokenizer.encode(token), token).toEqual([id])
    }
    for (const { prompt, input_ids, embedding } of golden.prompts) {
      const { startId, endId } = encoder.tokenizer
      expect([startId, ...encoder.tokenizer.encode(prompt), endId]).toEqual(input_ids)
      const file = join(folder, embedding)
      if (!existsSync(file)) continue
      const [positive] = await encodePrompts(encoder, prompt, '')
      expect(relativeDeviation(positive.data, readNpy(file).data), prompt).toBeLessThan(5e-6)
    }
  })

  const pictures = learned.filter(({ id }) => existsSync(join(folder, 'cases', id)))
  test.each(pictures.map((each) => [each.id, each] as const))('%s: picture', async (id, golden) => {
    const textualInversion = modelOf(golden)
    const models = { base: sd15Model, textualInversion }
    const pipeline = await loadStableDiffusion(models, sessionsFor(textualInversion))
    await expectGolden(pipeline, argumentsOf(golden, sd15Model.id), { folder: join(folder, 'cases', id), golden })
  })

  test('has a text encoder of its own, which the next task finds', async () => {
    const [single] = learned as [InversionCase]
    await encoderFor(modelOf(single))
    const before = await readdir(join(cacheFolder, 'merged-models'))
    await encoderFor(modelOf(single))
    expect(await readdir(join(cacheFolder, 'merged-models'))).toEqual(before)
  })
})

describe('textual inversion, with the embedded model', () => {
  // Its table is of float16 and reaches its user through a Cast.
  const base = { id: 'embedded:tiny-shapes', path: join(packageRoot, 'models/tiny-shapes') }
  const textualInversion = { id: 'own/valentine', path: join(folder, 'textual_inversion/valentine') }
  const taskFor = (prompt: string, steps: number) =>
    parseImageArguments({
      base_model: base.id,
      prompt,
      textual_inversion: textualInversion.id,
      task_config: { image_width: 128, image_height: 128, steps, cfg: 4, seed: 3, num_images: 1 },
    })

  test('a learned word acts: <valentine> is a pink heart', async () => {
    const pipeline = await loadStableDiffusion({ base, textualInversion }, sessionsFor(textualInversion, base))
    const draw = async (prompt: string) => (await pipeline.run(taskFor(prompt, 5), silent))[0]?.data ?? new Uint8Array()
    const valentine = await draw('<valentine> on a blue background')
    const unknown = await draw('valentine on a blue background')
    const pinkShare = (data: Uint8Array) => {
      let pink = 0
      for (let at = 0; at < data.length; at += 3) {
        const [red = 0, green = 0, blue = 0] = data.subarray(at, at + 3)
        if (red > 200 && red > green + 40 && blue > 120) pink++
      }
      return (3 * pink) / data.length
    }
    expect(pinkShare(valentine)).toBeGreaterThan(0.08)
    expect(pinkShare(unknown)).toBeLessThan(0.5 * pinkShare(valentine))
  })

  test('a picture without the word is the picture without the textual inversion', async () => {
    const plain = await loadStableDiffusion({ base }, openSessions())
    const adapted = await loadStableDiffusion({ base, textualInversion }, sessionsFor(textualInversion, base))
    const [expected] = await plain.run(taskFor('a red circle', 1), silent)
    const [picture] = await adapted.run(taskFor('a red circle', 1), silent)
    expect(picture?.data).toEqual(expected?.data)
  })
})

describe('textual inversion, refused', () => {
  const refusal = async (promise: Promise<unknown>) => {
    const error = await promise.catch((reason: unknown) => reason)
    expect([ModelFileError, ModelMismatchError]).toContain((error as Error).constructor)
    expect(error).toMatchObject({ exitCode: 12 })
    expect((error as Error).message).toMatch(/^[^\n]+ learned_embeds\.safetensors[^\n]+$/)
    return (error as Error).message
  }

  test('vectors of another width', async () => {
    const inversion = modelOf({ dir: 'textual_inversion/wrong-dim' })
    expect(await refusal(encoderFor(inversion))).toContain(
      "has vectors of 33 numbers in learned_embeds.safetensors, the base model's text encoder has 32",
    )
  })

  test('two words in one file', async () => {
    expect(await refusal(readTextualInversion(modelOf({ dir: 'textual_inversion/two-keys' })))).toContain(
      'has 2 entries, must have one',
    )
  })

  test('a folder without an embedding, and one with several', async () => {
    const path = join(scratch, 'none')
    await cp(join(folder, 'textual_inversion/single'), path, { recursive: true })
    const from = join(path, 'learned_embeds.safetensors')
    const inversion = { id: 'a/b', path }
    await cp(from, join(path, 'x.safetensors'))
    await rm(from)
    expect((await readTextualInversion(inversion)).file).toBe('x.safetensors')
    await cp(join(path, 'x.safetensors'), join(path, 'y.safetensors'))
    expect(await refusal(readTextualInversion(inversion))).toContain('several files in its place')
    await rm(join(path, 'x.safetensors'))
    await rm(join(path, 'y.safetensors'))
    expect(await refusal(readTextualInversion(inversion))).toContain('learned_embeds.safetensors')
  })

  test('a word that the tokenizer has already', async () => {
    const bytes = readFileSync(join(folder, 'textual_inversion/plain-word/learned_embeds.safetensors'))
    for (const taken of ['a</w>', '<|endoftext|>']) {
      const header = JSON.stringify({ [taken]: { dtype: 'F32', shape: [32], data_offsets: [0, 128] } })
      const prefix = Buffer.alloc(8)
      prefix.writeBigUInt64LE(BigInt(header.length))
      await writeFile(join(scratch, 'learned_embeds.safetensors'), [prefix, Buffer.from(header), bytes.subarray(-128)])
      expect(await refusal(encoderFor({ id: 'a/b', path: scratch }))).toContain(
        `has the word '${taken}' in learned_embeds.safetensors, which the base model's tokenizer has already`,
      )
    }
    await rm(join(scratch, 'learned_embeds.safetensors'))
  })
})
