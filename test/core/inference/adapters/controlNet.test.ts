import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { packageRoot } from '../../../../src/base/packageRoot.js'
import { cannyEdges } from '../../../../src/core/inference/adapters/controlNet/cannyEdges.js'
import {
  type Preprocess,
  preprocessControlImage,
} from '../../../../src/core/inference/adapters/controlNet/preprocessControlImage.js'
import { readControlImage, withoutAlpha } from '../../../../src/core/inference/adapters/controlNet/readControlImage.js'
import { resizeForDetector } from '../../../../src/core/inference/adapters/controlNet/resizeForDetector.js'
import { resizeLanczos } from '../../../../src/core/inference/adapters/controlNet/resizeLanczos.js'
import { loadStableDiffusion } from '../../../../src/core/inference/pipelines/stableDiffusion.js'
import { InvalidArgumentsError, parseImageArguments } from '../../../../src/core/task/arguments.js'
import { argumentsOf, expectGolden, type GoldenCase } from '../../../helpers/goldenPictures.js'
import { readNpy } from '../../../helpers/npy.js'
import { openSessions, sd15Model } from '../../../helpers/sd15Model.js'

const folder = join(packageRoot, 'test/vectors/sd15-extras')
const controlnet = { id: 'golden/controlnet-tiny', path: join(folder, 'controlnet-tiny') }
const json = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8')).cases
const all = json('controlnet.json') as (GoldenCase & { control_image: string })[]
const ofKind = <T>(kind: string) => all.filter((each) => each.kind === kind) as unknown as T[]

const dataUrl = (bytes: Uint8Array, type = 'png') =>
  `data:image/${type};base64,${Buffer.from(bytes).toString('base64')}`
const fileUrl = (name: string) => dataUrl(readFileSync(join(folder, name)))
const read = (name: string) => readControlImage(fileUrl(name))
const silent = { onProgress: () => {}, onStageEnd: () => {} }

/** A golden task with its control image put in. */
function taskOf(golden: GoldenCase & { control_image: string }) {
  const given = golden.task_args.controlnet as object
  const task_args = { ...golden.task_args, controlnet: { ...given, image_dataurl: fileUrl(golden.control_image) } }
  return argumentsOf({ ...golden, task_args }, sd15Model.id)
}

describe('ControlNet, against golden runs of the original', () => {
  const runs = ofKind<GoldenCase & { control_image: string }>('controlnet')

  test.each(runs.map((each) => [each.id, each] as const))('%s', async (id, golden) => {
    const model = await loadStableDiffusion({ base: sd15Model, controlnet }, openSessions())
    await expectGolden(model, taskOf(golden), { folder: join(folder, 'cases', id), golden })
  })

  test('a preprocessed picture steers as the same picture given ready-made', async () => {
    const model = await loadStableDiffusion({ base: sd15Model, controlnet }, openSessions())
    const task = taskOf(runs[0] as (typeof runs)[number])
    const edges = preprocessControlImage(await read('control_images/c1.png'), canny, task.task_config)
    const png = await sharp(edges.data, { raw: { width: edges.width, height: edges.height, channels: 3 } })
      .png()
      .toBuffer()
    const run = (more: object) =>
      model.run(parseImageArguments({ ...task, controlnet: { ...task.controlnet, ...more } }), silent)
    const image_dataurl = fileUrl('control_images/c1.png')
    const [fromPreprocess] = await run({ image_dataurl, preprocess: canny })
    const [fromPicture] = await run({ image_dataurl: dataUrl(png) })
    const [unprocessed] = await run({ image_dataurl })
    expect(fromPreprocess?.data).toEqual(fromPicture?.data)
    expect(fromPreprocess?.data).not.toEqual(unprocessed?.data)
  })

  test('a replacement UNet must be able to take residuals', async () => {
    const unet = { id: 'golden/unet-lcm', path: join(folder, 'unet-lcm') }
    await expect(loadStableDiffusion({ base: sd15Model, unet, controlnet }, openSessions())).rejects.toMatchObject({
      code: 'CRYNUX_MODEL_MISMATCH',
      exitCode: 12,
      message: "model 'golden/unet-lcm' of field unet has no unet_with_residuals/model.onnx, which a ControlNet needs",
    })
  })

  test('a folder without a ControlNet, and a network that is none, are refused by file', async () => {
    const none = { id: 'golden/none', path: sd15Model.path }
    await expect(loadStableDiffusion({ base: sd15Model, controlnet: none }, openSessions())).rejects.toMatchObject({
      code: 'CRYNUX_MODEL_FILE',
      exitCode: 12,
      message: "file controlnet/config.json of model 'golden/none' is missing",
    })
    const path = await mkdtemp(join(tmpdir(), 'crynux-controlnet-'))
    try {
      await cp(join(controlnet.path, 'unet_with_residuals'), join(path, 'unet_with_residuals'), { recursive: true })
      await cp(join(controlnet.path, 'unet_with_residuals'), join(path, 'controlnet'), { recursive: true })
      const wrong = { id: 'golden/wrong', path }
      await expect(loadStableDiffusion({ base: sd15Model, controlnet: wrong }, openSessions())).rejects.toThrow(
        "file controlnet/model.onnx of model 'golden/wrong' gives none of the inputs of unet_with_residuals/model.onnx",
      )
    } finally {
      await rm(path, { recursive: true, force: true })
    }
  })
})

const canny: Preprocess = { method: 'canny', args: {} }
const size = (image_width: number, image_height: number, seed = 0) => ({ image_width, image_height, seed })

describe('the control image', () => {
  type Resized = { id: string; image: string; width: number; height: number; file: string }
  test.each(ofKind<Resized>('control_image_preprocess').map((each) => [each.id, each] as const))(
    'is resized bit for bit: %s',
    async (_id, { image, width, height, file }) => {
      const { data } = resizeLanczos(await read(image), width, height)
      const golden = readNpy(join(folder, file)).data
      const pixels = width * height
      const planes = Float32Array.from(
        golden,
        (_, at) => (data[(at % pixels) * 3 + Math.floor(at / pixels)] ?? 0) / 255,
      )
      expect(planes).toEqual(golden)
    },
  )

  type Canny = {
    id: string
    image: string
    low_threshold: number
    high_threshold: number
    resized: string
    edges: string
  }
  test.each(ofKind<Canny>('canny').map((each) => [each.id, each] as const))(
    'has the edges of the original: %s',
    async (_id, { image, low_threshold, high_threshold, resized, edges }) => {
      const golden = withoutAlpha(await read(resized))
      const source = await read(image)
      if (source.channels === 3) {
        const enlarged = golden.height > source.height
        const own = resizeForDetector(source, golden.width, golden.height, enlarged ? 'lanczos' : 'area')
        expect(Buffer.compare(own.data, golden.data)).toBe(0)
      }
      const wanted = (await read(edges)).data.filter((_, at) => at % 3 === 0)
      expect(Buffer.compare(cannyEdges(golden, low_threshold, high_threshold).data, wanted)).toBe(0)
    },
  )

  type Made = Preprocess & {
    image: string
    seed: number
    image_width: number
    image_height: number
    size: number[]
    sha256: string
  }
  test.each((json('preprocessed.json') as Made[]).map((each) => [`${each.method} of ${each.image}`, each] as const))(
    'is preprocessed as by OpenCV: %s',
    async (_name, { image, method, args, size: wanted, sha256, ...config }) => {
      const { data, width, height } = preprocessControlImage(await read(image), { method, args }, config)
      expect([width, height]).toEqual(wanted)
      expect(createHash('sha256').update(data).digest('hex')).toBe(sha256)
    },
  )

  test('of a palette or of one bit keeps its colours when it is resized', async () => {
    const red = await sharp({ create: { width: 3, height: 2, channels: 3, background: '#f00' } })
      .composite([{ input: { create: { width: 1, height: 2, channels: 3, background: '#00f' } }, left: 2, top: 0 }])
      .png({ palette: true })
      .toBuffer()
    const { data } = resizeLanczos(await readControlImage(dataUrl(red)), 6, 4)
    const colours = new Set(Array.from({ length: 24 }, (_, at) => data.subarray(at * 3, at * 3 + 3).join()))
    expect(colours).toEqual(new Set(['255,0,0', '0,0,255']))
  })

  test('is read from JPEG and WebP as well, whatever the URL calls it', async () => {
    const plain = sharp({ create: { width: 40, height: 50, channels: 3, background: '#123456' } })
    for (const type of ['jpeg', 'webp'] as const) {
      const image = await readControlImage(dataUrl(await plain.clone().toFormat(type).toBuffer(), 'png'))
      expect([image.width, image.height, image.channels]).toEqual([40, 50, 3])
      expect(Math.abs((image.data[1] ?? 0) - 0x34)).toBeLessThan(4)
    }
  })

  const bomb = (width: number, height: number) => {
    const chunk = (name: string, data: Uint8Array) => {
      const head = Buffer.alloc(8)
      head.writeUInt32BE(data.length)
      head.write(name, 4, 'latin1')
      // Without checksums: the header must be enough to refuse it.
      return Buffer.concat([head, data, Buffer.alloc(4)])
    }
    const header = Buffer.alloc(13)
    header.writeUInt32BE(width)
    header.writeUInt32BE(height, 4)
    header.set([8, 6], 8)
    const signature = Buffer.from('89504e470d0a1a0a', 'hex')
    return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', deflateSync(Buffer.alloc(100_000)))])
  }
  const png = readFileSync(join(folder, 'control_images/c0.png'))

  test.each<[string, string, string]>([
    ['no base64', 'data:image/png;base64,*AAA', 'is not valid base64'],
    ['base64 cut short', dataUrl(png).slice(0, -1), 'is not valid base64'],
    ['nothing', 'data:image/png;base64,', 'holds no PNG, JPEG or WebP picture'],
    ['a text', dataUrl(Buffer.from('hello')), 'holds no PNG, JPEG or WebP picture'],
    ['an SVG', dataUrl(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')), 'holds no PNG, JPEG or WebP picture'],
    ['a signature', dataUrl(png.subarray(0, 20)), 'holds no PNG, JPEG or WebP picture'],
    [
      'a bomb',
      dataUrl(bomb(50_000, 50_000)),
      'holds a picture of 50000 × 50000 pixels, must be at most 16777216 pixels',
    ],
    ['a line without end', dataUrl(bomb(2 ** 31 - 1, 1)), 'must be at most 16777216 pixels'],
  ])('that is %s is refused in one line', async (_name, url, complaint) => {
    const error = await readControlImage(url).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(InvalidArgumentsError)
    expect((error as Error).message).toMatch(/^field controlnet\.image_dataurl [^\n]+$/)
    expect((error as Error).message).toContain(complaint)
  })

  // The decoder says the same when it has too little memory, and who votes against arguments that others can work with is slashed.
  test.each<[string, string]>([
    ['half a PNG', dataUrl(png.subarray(0, png.length / 2))],
    ['a JPEG without content', dataUrl(Buffer.from('ffd8ffe000104a464946', 'hex'))],
  ])('that is %s is refused, and nobody is blamed', async (_name, url) => {
    await expect(readControlImage(url)).rejects.toMatchObject({
      code: 'CRYNUX_CONTROL_IMAGE',
      exitCode: 2,
      message: 'field controlnet.image_dataurl holds a damaged picture, or there is too little memory for it',
    })
  })

  test('that is too small or too long cannot be preprocessed', async () => {
    const blank = (width: number, height: number) => ({
      data: new Uint8Array(width * height * 3),
      width,
      height,
      channels: 3,
      indexed: false,
    })
    expect(preprocessControlImage(blank(33, 33), canny, size(64, 64))).toMatchObject({ width: 64, height: 64 })
    expect(() => preprocessControlImage(blank(32, 64), canny, size(64, 64))).toThrow('no side may be below 33')
    expect(() => preprocessControlImage(blank(4096, 64), canny, size(2048, 2048))).toThrow('131072 × 2048')
  })

  test('cannot be preprocessed by a network that is not here', () => {
    const image = { data: new Uint8Array(64 * 64 * 3), width: 64, height: 64, channels: 3, indexed: false }
    const refused = () => preprocessControlImage(image, { method: 'openpose_full', args: {} }, size(64, 64))
    expect(refused).toThrow(
      expect.objectContaining({
        code: 'CRYNUX_PREPROCESSOR_UNAVAILABLE',
        exitCode: 12,
        message: "field controlnet.preprocess.method is 'openpose_full', whose network this version does not have",
      }),
    )
  })
})
