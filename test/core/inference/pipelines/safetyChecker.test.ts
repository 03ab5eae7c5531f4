import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bytesToHex } from '../../../../src/base/hex.js'
import { runTask } from '../../../../src/core/inference/childProcess/runTask.js'
import type { ModelFolder } from '../../../../src/core/inference/modelFile.js'
import { hasSafetyChecker, openSafetyChecker } from '../../../../src/core/inference/pipelines/safetyChecker.js'
import { perceptualHash } from '../../../../src/core/phash/perceptualHash.js'
import { parseImageArguments } from '../../../../src/core/task/arguments.js'
import { safetyCheckerModel } from '../../../helpers/onnxModel.js'
import { openSessions, ort, sd15Model } from '../../../helpers/sd15Model.js'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'crynux-checker-'))
})
afterAll(() => rm(root, { recursive: true }))

const sessions = openSessions()

/** A folder with a safety checker and nothing else. */
async function checkerModel(
  name: string,
  onnx: Parameters<typeof safetyCheckerModel>[0],
  preprocessing?: object,
): Promise<ModelFolder> {
  const path = join(root, name)
  await mkdir(join(path, 'safety_checker'), { recursive: true })
  await writeFile(join(path, 'safety_checker/model.onnx'), safetyCheckerModel(onnx))
  if (preprocessing) {
    await mkdir(join(path, 'feature_extractor'))
    await writeFile(join(path, 'feature_extractor/preprocessor_config.json'), JSON.stringify(preprocessing))
  }
  return { id: `checker/${name}`, path }
}

const grey = (level: number) => ({ data: new Uint8Array(64 * 64 * 3).fill(level), width: 64, height: 64 })
const sample = { data: new Float32Array(64 * 64 * 3), dims: [1, 3, 64, 64] }

describe('a checker', () => {
  test.each([true, false])('blacks out and flags what it finds; with an input for the picture: %s', async (images) => {
    const checker = await openSafetyChecker(await checkerModel(`one-${images}`, { limit: 0, images }), sessions)
    expect(await checker.check(grey(200), sample)).toEqual({ ...grey(0), nsfw: true })
    expect(await checker.check(grey(50), sample)).toEqual({ ...grey(50), nsfw: false })
  })

  test('sees the picture as its configuration says', async () => {
    // (100/255 − 0.5) / 0.25 = −0.43
    const settings = { size: 32, crop_size: 32, image_mean: [0.5, 0.5, 0.5], image_std: [0.25, 0.25, 0.25] }
    for (const [limit, nsfw] of [[-0.44, true] as const, [-0.42, false] as const]) {
      const model = await checkerModel(`settings${limit}`, { limit, side: 32 }, settings)
      const checker = await openSafetyChecker(model, sessions)
      expect((await checker.check(grey(100), sample)).nsfw).toBe(nsfw)
    }
  })

  test.each([
    ['a size that the graph does not take', { side: 100 }, {}, 'wants pictures of 100x100'],
    ['another resampling', {}, { resample: 2 }, 'has a resample that is not supported'],
    ['a step left out', {}, { do_center_crop: false }, 'has a do_center_crop that is not supported'],
    ['no size', {}, { size: { longest_edge: 224 } }, 'has a size that is not supported'],
  ])('%s is refused', async (name, onnx, settings, complaint) => {
    const model = await checkerModel(name.replaceAll(' ', '-'), { limit: 0, ...onnx }, settings)
    await expect(openSafetyChecker(model, sessions)).rejects.toMatchObject({
      code: 'CRYNUX_MODEL_FILE',
      message: expect.stringContaining(complaint),
    })
  })
})

test('a checker whose content is gone is not taken for none', async () => {
  const path = join(root, 'dangling')
  expect(await hasSafetyChecker({ id: 'x', path })).toBe(false)
  await mkdir(join(path, 'safety_checker'), { recursive: true })
  await symlink('../blobs/gone', join(path, 'safety_checker/model.onnx'))
  await expect(hasSafetyChecker({ id: 'x', path })).rejects.toMatchObject({
    code: 'CRYNUX_MODEL_FILE',
    message: "file safety_checker/model.onnx of model 'x' cannot be read",
  })
})

describe('a task', () => {
  const run = async (base: ModelFolder, config: object) =>
    runTask(
      {
        task: {
          kind: 'image',
          arguments: parseImageArguments({
            base_model: base.id,
            prompt: 'a cat',
            task_config: { image_width: 64, image_height: 64, steps: 2, num_images: 2, ...config },
          }),
        },
        models: { base },
      },
      { ort, sessions, now: () => performance.now(), onProgress: () => {} },
    )
  /** The golden model with a checker of this limit. */
  async function checkedModel(name: string, limit: number): Promise<ModelFolder> {
    const model = await checkerModel(name, { limit })
    await cp(sd15Model.path, model.path, { recursive: true })
    return model
  }
  let strict: ModelFolder
  beforeAll(async () => {
    strict = await checkedModel('strict', -9)
  })
  const black = bytesToHex(perceptualHash(grey(0))).slice(2)

  test('whose pictures are found unsuitable gets black ones, their flags and their score', async () => {
    const { files, score, nsfw, environment, timings } = await run(strict, {})
    expect(nsfw).toEqual([true, true])
    expect(score).toBe(`0x${black}${black}`)
    expect(environment.safetyChecker).toBe('safety_checker/model.onnx')
    expect(timings.check).toBeGreaterThan(0)
    for (const { bytes } of files) expect(new Set(await sharp(bytes).raw().toBuffer())).toEqual(new Set([0]))
  })

  test('whose pictures are suitable, or that wants no check, gets what the model makes', async () => {
    const plain = await run(sd15Model, {})
    expect(plain.nsfw).toBeUndefined()
    expect(plain.environment.safetyChecker).toBe('none')
    const checked = await run(await checkedModel('lenient', 9), {})
    expect(checked).toMatchObject({ nsfw: [false, false], score: plain.score, files: plain.files })
    const unchecked = await run(strict, { safety_checker: false })
    expect(unchecked.nsfw).toBeUndefined()
    expect(unchecked).toMatchObject({ score: plain.score, files: plain.files })
  })
})
