import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Logger, silentLogger } from '../../../src/base/logger.js'
import { packageRoot } from '../../../src/base/packageRoot.js'
import {
  createInferenceEngine,
  type InferenceEngine,
  type InferenceEngineOptions,
} from '../../../src/core/inference/engine.js'
import { SCHEDULER_METHODS } from '../../../src/core/inference/schedulers/createScheduler.js'
import { parseImageArguments, parseTextArguments, type TaskArguments } from '../../../src/core/task/arguments.js'
import { verifyResultFiles } from '../../../src/core/task/verifyResult.js'
import { createModelStore } from '../../../src/models/modelStore.js'
import { isAlive } from '../../helpers/isAlive.js'

const fixture = (name: string) => join(packageRoot, 'test/core/inference/fixtures', name)
const tinyShapes = join(packageRoot, 'models/tiny-shapes')

let folder: string
const opened: InferenceEngine[] = []
const pids: number[] = []
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crynux-engine-'))
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((engine) => engine.close()))
  // Whatever a test did to it, no inference process is left.
  expect(pids.splice(0).filter(isAlive)).toEqual([])
})
afterAll(() => rm(folder, { recursive: true }))

function engineOf(options: Partial<InferenceEngineOptions> = {}): InferenceEngine {
  const logger: Logger = { ...silentLogger, debug: ({ pid }) => void (pid && pids.push(pid)) }
  const engine = createInferenceEngine({
    modelFolder: createModelStore({ modelRoots: [folder] }).modelFolder,
    logger,
    ...options,
  })
  opened.push(engine)
  return engine
}

const card = { image_width: 128, image_height: 128, steps: 10, cfg: 4, num_images: 1, seed: 1 }
const task = (config: object = {}, more: object = {}): TaskArguments => ({
  kind: 'image',
  arguments: parseImageArguments({
    base_model: 'embedded:tiny-shapes',
    prompt: 'a big red circle on a blue background',
    task_config: { ...card, ...config },
    ...more,
  }),
})
const never = new AbortController().signal

/** Serves the tests that only ask and do nothing to the process. */
let shared: InferenceEngine
beforeAll(() => {
  shared = createInferenceEngine({
    modelFolder: (id) => createModelStore({ modelRoots: [folder] }).modelFolder(id),
    logger: silentLogger,
  })
})
afterAll(() => shared.close())

/** Mean colour of a square of the picture, by its centre and half its side. */
async function meanColour(png: Uint8Array, [x, y]: [number, number], half: number): Promise<number[]> {
  const region = { left: x - half, top: y - half, width: 2 * half, height: 2 * half }
  const pixels = await sharp(png).extract(region).raw().toBuffer()
  return [0, 1, 2].map(
    (channel) =>
      pixels.filter((_, at) => at % 3 === channel).reduce((sum, value) => sum + value, 0) / (pixels.length / 3),
  )
}

describe('the embedded model', () => {
  test('paints what the prompt says, and says what it depends on', async () => {
    const stages = new Set<string>()
    const result = await engineOf().run(task({}), { signal: never, onProgress: ({ stage }) => stages.add(stage) })
    const [file] = result.files
    const png = file?.bytes ?? new Uint8Array()
    const [red = 0, green = 255, blue = 255] = await meanColour(png, [64, 64], 12)
    expect(red).toBeGreaterThan(150)
    expect(Math.max(green, blue)).toBeLessThan(100)
    for (const corner of [
      [8, 8],
      [120, 8],
      [8, 120],
      [120, 120],
    ] as [number, number][]) {
      const [r = 255, g = 255, b = 0] = await meanColour(png, corner, 6)
      expect(b).toBeGreaterThan(120)
      expect(Math.max(r, g)).toBeLessThan(120)
    }
    expect(await sharp(png).metadata()).toMatchObject({
      format: 'png',
      width: 128,
      height: 128,
      channels: 3,
      depth: 'uchar',
      space: 'srgb',
    })
    expect(file).toMatchObject({ name: '0.png', mediaType: 'image/png' })
    expect([...stages]).toEqual(['load', 'encode', 'denoise', 'decode'])
    expect(Object.keys(result.timings)).toEqual(['load', 'encode', 'denoise', 'decode', 'hash', 'png', 'total'])
    expect(result.environment).toMatchObject({
      executionProvider: 'cpu',
      intraOpThreads: 1,
      dtype: 'float32',
      safetyChecker: 'none',
    })
  })

  test('gives the same bytes and score in another process, and the files have the score', async () => {
    const [first, second] = await Promise.all(
      [engineOf(), engineOf()].map((engine) => engine.run(task(), { signal: never })),
    )
    expect(second?.score).toBe(first?.score)
    expect(second?.files).toEqual(first?.files)
    const files = first?.files.map(({ bytes }) => bytes) ?? []
    expect(
      await verifyResultFiles({ kind: 'image', files, score: first?.score ?? '0x', width: 128, height: 128 }),
    ).toBe(true)
  })

  test('two pictures continue one generator', async () => {
    const engine = shared
    const two = await engine.run(task({ num_images: 2 }), { signal: never })
    const one = await engine.run(task(), { signal: never })
    expect(two.files.map(({ name }) => name)).toEqual(['0.png', '1.png'])
    expect(two.files[0]).toEqual(one.files[0])
    expect(two.files[1]?.bytes).not.toEqual(two.files[0]?.bytes)
    expect(two.score).toHaveLength(2 + 2 * 16)
    expect(two.score.slice(0, 18)).toBe(one.score)
  })

  test.each(SCHEDULER_METHODS)('works with %s', async (method) => {
    const { files } = await shared.run(task({ steps: 4 }, { scheduler: { method } }), { signal: never })
    expect(files).toHaveLength(1)
  })
})

describe('a run that has to end', () => {
  test('abort kills it at once; the next run works', async () => {
    const engine = engineOf()
    const controller = new AbortController()
    const reason = new Error('no longer wanted')
    const run = engine.run(task({ steps: 100, num_images: 10 }), {
      signal: controller.signal,
      onProgress: (progress) => {
        if (progress.stage === 'denoise' && progress.step === 2) controller.abort(reason)
      },
    })
    await expect(run).rejects.toBe(reason)
    await expect(engine.run(task(), { signal: controller.signal })).rejects.toBe(reason)
    expect((await engine.run(task(), { signal: never })).files).toHaveLength(1)
  })

  test('a time limit kills it', async () => {
    const engine = engineOf({ childEntry: fixture('silentChild.js') })
    await expect(engine.run(task(), { signal: never, timeoutMs: 200 })).rejects.toMatchObject({
      code: 'CRYNUX_INFERENCE_TIMEOUT',
      exitCode: 10,
    })
  })

  test('a crash is one clear error', async () => {
    const engine = engineOf({ childEntry: fixture('crashingChild.js') })
    const run = engine.run(task(), { signal: never })
    await expect(run).rejects.toMatchObject({
      code: 'CRYNUX_INFERENCE_CRASHED',
      message: 'the inference process ended unexpectedly (exit 3)',
    })
  })

  test('a missing entry file is one clear error', async () => {
    await expect(
      engineOf({ childEntry: join(folder, 'missing.js') }).run(task(), { signal: never }),
    ).rejects.toMatchObject({ code: 'CRYNUX_INFERENCE_CRASHED' })
  })

  test.runIf(process.platform === 'linux')('a memory limit kills it', async () => {
    const run = engineOf({ memoryLimitMb: 60 }).run(task({ steps: 100, num_images: 10 }), { signal: never })
    await expect(run).rejects.toMatchObject({ code: 'CRYNUX_INFERENCE_CRASHED', details: { memoryLimitMb: 60 } })
  })

  test('close ends a run, and there is none after it', async () => {
    const engine = engineOf({ childEntry: fixture('silentChild.js') })
    const run = engine.run(task(), { signal: never })
    const outcome = expect(run).rejects.toMatchObject({ code: 'CRYNUX_INFERENCE_CRASHED' })
    while (pids.length === 0) await new Promise(setImmediate)
    await engine.close()
    await outcome
    await expect(engine.run(task(), { signal: never })).rejects.toThrow('the inference engine is closed')
  })
})

describe('what cannot be run', () => {
  test.each<[string, object]>([['dtype', { dtype: 'bfloat16' }]])('%s is refused by its name', async (field, more) => {
    await expect(shared.run(task({}, more), { signal: never })).rejects.toMatchObject({
      code: 'CRYNUX_NOT_SUPPORTED_YET',
      exitCode: 12,
      details: { field },
    })
  })

  test('a text task for a model of pictures', async () => {
    const chat = parseTextArguments({ model: 'embedded:tiny-shapes', messages: [{ role: 'user', content: 'hello' }] })
    await expect(shared.run({ kind: 'text', arguments: chat }, { signal: never })).rejects.toMatchObject({
      code: 'CRYNUX_MODEL_MISMATCH',
      exitCode: 12,
      message: expect.stringContaining('is a model for pictures'),
    })
  })

  test('a model that does not fit the others is named with its field', async () => {
    const refined = task({}, { refiner: { model: 'embedded:tiny-shapes' } })
    await expect(shared.run(refined, { signal: never })).rejects.toMatchObject({
      code: 'CRYNUX_MODEL_MISMATCH',
      exitCode: 12,
      message: "model 'embedded:tiny-shapes' of field refiner.model needs a base model of Stable Diffusion XL",
    })
  })

  test("a model's URL is named without its query, which may hold a key", async () => {
    const engine = engineOf({ modelFolder: async () => join(folder, 'nowhere') })
    const asked = engine.run(task({}, { base_model: 'https://models.example/x.zip?token=secret' }), { signal: never })
    await expect(asked).rejects.toMatchObject({
      code: 'CRYNUX_MODEL_FILE',
      message: expect.stringContaining("'https://models.example/x.zip?…'"),
    })
  })

  test('a size that this export cannot do is bad usage, but no verdict on the arguments', async () => {
    await expect(shared.run(task({ image_width: 136 }), { signal: never })).rejects.toMatchObject({
      code: 'CRYNUX_MODEL_SIZE',
      message: 'field task_config.image_width is 136, must be a multiple of 32 for this model',
    })
  })

  test.each(['base_model', 'unet', 'vae'])('an unknown model as %s is not available', async (field) => {
    await expect(shared.run(task({}, { [field]: 'owner/unknown' }), { signal: never })).rejects.toMatchObject({
      code: 'CRYNUX_MODEL_UNAVAILABLE',
      exitCode: 12,
    })
  })
})

describe('a damaged model is named by its file', () => {
  const damages: [string, string, (path: string) => Promise<void>][] = [
    ['unet/model.onnx', 'is damaged or not an ONNX model', (path) => truncate(path, 1_000_000)],
    ['text_encoder/model.onnx', 'is damaged or not an ONNX model', (path) => writeFile(path, '')],
    ['vae_decoder/model.onnx', 'is damaged or not an ONNX model', (path) => writeFile(path, 'not a model at all')],
    ['vae_decoder/model.onnx', 'is missing', (path) => rm(path)],
    ['scheduler/scheduler_config.json', 'is not valid JSON', (path) => truncate(path, 100)],
    ['unet/config.json', 'is missing', (path) => rm(path)],
    ['vae_decoder/config.json', 'is not a JSON object', (path) => writeFile(path, '[]')],
    ['tokenizer/tokenizer.json', 'is not valid JSON', (path) => truncate(path, 5000)],
    ['tokenizer/tokenizer.json', 'does not describe a tokenizer', (path) => writeFile(path, '{"model": 3}')],
    [
      'unet/model.onnx',
      "needs an input 'latent_sample' that this pipeline does not have",
      (path) => cp(join(tinyShapes, 'vae_decoder/model.onnx'), path),
    ],
  ]
  test.each(damages.map((each, index) => [`damaged-${index}`, ...each] as const))(
    '%s: %s %s',
    async (name, file, complaint, damage) => {
      await cp(tinyShapes, join(folder, name), { recursive: true })
      await damage(join(folder, name, file))
      await expect(shared.run(task({}, { base_model: name }), { signal: never })).rejects.toMatchObject({
        code: 'CRYNUX_MODEL_FILE',
        exitCode: 12,
        message: `file ${file} of model '${name}' ${complaint}`,
      })
    },
  )

  test('a repaired model works without a restart', async () => {
    const engine = shared
    const name = 'repaired'
    await cp(tinyShapes, join(folder, name), { recursive: true })
    const unet = join(folder, name, 'unet/model.onnx')
    const good = await readFile(unet)
    await writeFile(unet, good.subarray(0, 5000))
    await expect(engine.run(task({}, { base_model: name }), { signal: never })).rejects.toMatchObject({
      code: 'CRYNUX_MODEL_FILE',
    })
    await writeFile(unet, good)
    expect((await engine.run(task({}, { base_model: name }), { signal: never })).files).toHaveLength(1)
  })
})
