import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { cp, mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { packageRoot } from '../../../../../src/base/packageRoot.js'
import { createLoraSessions } from '../../../../../src/core/inference/adapters/lora/loraSessions.js'
import { float16ToFloat32, float32ToFloat16 } from '../../../../../src/core/inference/float16.js'
import type { ModelFolder, ModelFolders } from '../../../../../src/core/inference/modelFile.js'
import { moduleWeights } from '../../../../../src/core/inference/onnx/moduleWeights.js'
import { openIndexedModel } from '../../../../../src/core/inference/onnx/patchModel.js'
import type { ModelSession } from '../../../../../src/core/inference/session.js'
import { safetensorsFile, type TensorValues } from '../../../../helpers/safetensors.js'
import { sd15Model } from '../../../../helpers/sd15Model.js'
import { sdxlModel, sdxlRefiner } from '../../../../helpers/sdxlModel.js'

const scratch = mkdtempSync(join(tmpdir(), 'crynux-test-'))
const cacheFolder = join(scratch, 'cache')
afterAll(() => rm(scratch, { recursive: true, force: true }))

const tinyShapes = { id: 'embedded:tiny-shapes', path: join(packageRoot, 'models/tiny-shapes') }

let folders = 0
/** A LoRA of one file, or of several. */
async function loraOf(files: Record<string, Uint8Array>): Promise<ModelFolder> {
  const path = join(scratch, `lora-${folders++}`)
  await mkdir(path)
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(path, name), bytes)
  return { id: 'test/lora', path }
}

const values = (...dims: number[]): TensorValues => ({
  dims,
  data: Float32Array.from({ length: dims.reduce((product, each) => product * each, 1) }, (_, at) => Math.sin(at + 1)),
})
const scalar = (value: number): TensorValues => ({ dims: [], data: Float32Array.of(value) })

type Options = { base?: ModelFolder; weight?: number; file?: string; others?: Partial<ModelFolders> }

/** Sessions that only tell which file would be opened. */
async function open(lora: ModelFolder, { base = sd15Model, weight = 100, file = '', others = {} }: Options = {}) {
  const opened: string[] = []
  const sessions = await createLoraSessions(
    {
      pins: { executionProvider: 'cpu', intraOpThreads: 1, graphOptimizationLevel: 'extended' },
      async open(model, name) {
        opened.push(join(model.path, name))
        return {} as ModelSession
      },
    },
    { lora: { model: 'test/lora', weight_file_name: file, weight }, models: { base, lora, ...others }, cacheFolder },
  )
  return { sessions, opened }
}

async function mergedUnet(lora: ModelFolder, options: Options & { name?: string } = {}): Promise<string> {
  const { sessions, opened } = await open(lora, options)
  await sessions.open(options.base ?? sd15Model, options.name ?? 'unet/model.onnx')
  return opened[0] ?? ''
}

const fileOf = (tensors: Record<string, TensorValues>) => loraOf({ 'lora.safetensors': safetensorsFile(tensors) })

/** One attention weight of the golden model, [16, 16]. */
const attention = (suffixes: readonly [string, string], prefix = 'unet.') => ({
  [`${prefix}down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.${suffixes[0]}`]: values(4, 16),
  [`${prefix}down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.${suffixes[1]}`]: values(16, 4),
})
const peft = ['lora_A.weight', 'lora_B.weight'] as const
const kohya = (module: string, rank: number, out: number, input: number, alpha?: number) => ({
  [`lora_unet_${module}.lora_down.weight`]: values(rank, input),
  [`lora_unet_${module}.lora_up.weight`]: values(out, rank),
  ...(alpha === undefined ? {} : { [`lora_unet_${module}.alpha`]: scalar(alpha) }),
})

const Q = 'down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q'
const FF = 'down_blocks.0.attentions.0.transformer_blocks.0.ff.net.2'
const FC = 'down_blocks.0.attentions.0.transformer_blocks.0.ff.net.0.proj'
const MID_FF = 'mid_block.attentions.0.transformer_blocks.0.ff.net.2'
const MID_FC = 'mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj'
const underscored = (module: string) => module.replaceAll('.', '_')

/** alpha / rank with which the attention weight of a golden model was changed, by a layer of rank 4. */
async function scaleOf(path: string): Promise<number> {
  const { index } = await openIndexedModel(sd15Model, 'unet/model.onnx')
  const place = moduleWeights(index, 'conv_in').get(Q)?.initializer.place
  if (place?.kind !== 'inline') throw new Error('the weight is not in the file')
  const first = (file: string) => readFileSync(file).readFloatLE(place.start)
  // The first row of up times the first column of down.
  const product = [0, 1, 2, 3].reduce((sum, at) => sum + Math.sin(at + 1) * Math.sin(at * 16 + 1), 0)
  return (first(path) - first(join(sd15Model.path, 'unet/model.onnx'))) / product
}

describe('a LoRA that cannot be used is refused in one line', () => {
  const names: [string, Record<string, TensorValues>, RegExp][] = [
    [
      'DoRA',
      { ...kohya('x', 2, 2, 2), 'lora_unet_x.dora_scale': values(2, 1) },
      /'lora_unet_x.dora_scale' is part of a DoRA/,
    ],
    ['LoHa', { 'lora_unet_x.hada_w1_a': values(2, 2) }, /part of a LoHa adapter/],
    ['LoKr', { 'lora_unet_x.lokr_w1': values(2, 2) }, /part of a LoKr adapter/],
    ['Tucker', { ...kohya('x', 2, 2, 2), 'lora_unet_x.lora_mid.weight': values(2, 2, 3, 3) }, /Tucker-decomposed/],
    ['differences', { 'lora_unet_x.diff': values(2, 2) }, /with full differences/],
    ['biases', { 'unet.x.lora_B.bias': values(2) }, /with biases/],
    ['no LoRA', { 'foo.weight': values(2, 2) }, /'foo.weight' is no weight of a LoRA/],
    ['a terminal sequence in a name', { '\u001b[2J': values(1) }, /'\?\[2J' is no weight/],
    ['half of a layer', { 'lora_unet_x.lora_down.weight': values(2, 2) }, /has no counterpart that leads up/],
    ['an alpha alone', { 'lora_unet_x.alpha': scalar(1) }, /has no counterpart that leads down/],
    [
      'the same layer twice',
      { ...attention(peft), ...attention(['lora.down.weight', 'lora.up.weight']) },
      /changes the same weight as/,
    ],
    ['nothing', {}, /is empty/],
  ]
  test.each(names)('%s', async (_name, tensors, message) => {
    const run = mergedUnet(await fileOf(tensors))
    await expect(run).rejects.toMatchObject({
      code: 'CRYNUX_LORA',
      exitCode: 12,
      message: expect.stringMatching(message),
    })
    await expect(run).rejects.not.toMatchObject({ message: expect.stringContaining('\n') })
  })

  test('no key has a place in the model: an XL file in the original block names, on Stable Diffusion 1.5', async () => {
    const lora = await fileOf(kohya('input_blocks_4_1_transformer_blocks_0_attn1_to_q', 2, 16, 16))
    await expect(mergedUnet(lora)).rejects.toThrow("changes nothing that the UNet of model 'golden/sd15-tiny' has")
  })

  test('an XL file with a second text encoder, on Stable Diffusion 1.5', async () => {
    const te2 = { 'lora_te2_x.lora_down.weight': values(2, 2), 'lora_te2_x.lora_up.weight': values(2, 2) }
    const lora = await fileOf({ ...kohya(underscored(Q), 4, 16, 16), ...te2 })
    await expect(mergedUnet(lora)).rejects.toThrow('changes a second text encoder')
  })

  test.each<[string, number, number, number]>([
    ['rows', 4, 17, 16],
    ['columns', 4, 16, 17],
  ])('another number of %s', async (_name, rank, out, input) => {
    const lora = await fileOf(kohya(underscored(Q), rank, out, input))
    await expect(mergedUnet(lora)).rejects.toThrow(
      `does not fit: it is [${out},${rank}] × [${rank},${input}] for a weight [16,16]`,
    )
  })

  test('numbers that are not finite', async () => {
    const tensors = kohya(underscored(Q), 4, 16, 16)
    const [down] = Object.values(tensors)
    down?.data.fill(Number.POSITIVE_INFINITY)
    await expect(mergedUnet(await fileOf(tensors))).rejects.toThrow('gives numbers that are not finite')
  })

  test('a truncated file, a broken header', async () => {
    const whole = safetensorsFile(kohya(underscored(Q), 4, 16, 16))
    for (const bytes of [whole.subarray(0, -1), whole.subarray(0, 20), Buffer.from('not a safetensors file at all')]) {
      const run = mergedUnet(await loraOf({ 'lora.safetensors': bytes }))
      await expect(run).rejects.toMatchObject({ code: 'CRYNUX_MODEL_FILE', exitCode: 12 })
    }
  })

  test('and leaves nothing behind', () => {
    const entries = existsSync(join(cacheFolder, 'merged-models'))
      ? readdirSync(join(cacheFolder, 'merged-models'))
      : []
    expect(entries).toEqual([])
  })
})

describe('the weight file', () => {
  const whole = safetensorsFile(attention(peft))

  test('is the usual one, or the only one', async () => {
    const usual = { 'pytorch_lora_weights.safetensors': whole, 'other.safetensors': Buffer.from('no') }
    await mergedUnet(await loraOf(usual))
    await mergedUnet(await loraOf({ 'any.safetensors': whole, 'checkpoint-500.safetensors': Buffer.from('no') }))
  })

  test.each<[string, string, string]>([
    [
      'missing',
      'c.safetensors',
      "file c.safetensors of LoRA 'test/lora' is named by field lora.weight_file_name, but is missing",
    ],
    ['a pickle', 'a.bin', 'only .safetensors files are read'],
    ['outside', '../lora/a.safetensors', 'is not a path inside it'],
    ['outside, from the root', '/etc/a.safetensors', 'is not a path inside it'],
    ['not named', '', 'has several safetensors files, and field lora.weight_file_name names none'],
  ])('%s', async (_name, file, message) => {
    const lora = await loraOf({ 'a.safetensors': whole, 'b.safetensors': whole, 'a.bin': whole })
    await expect(open(lora, { file })).rejects.toMatchObject({
      code: 'CRYNUX_LORA',
      exitCode: 12,
      message: expect.stringContaining(message),
    })
  })

  test('is not there', async () => {
    await expect(open(await loraOf({ 'a.bin': whole }))).rejects.toThrow('has no safetensors file')
  })
})

describe('what a LoRA changes', () => {
  test('keys without a place are left out, and counted', async () => {
    const lora = await fileOf({ ...attention(peft), ...kohya('conv_in', 2, 16, 36), ...kohya('nowhere', 2, 2, 2) })
    const { sessions } = await open(lora)
    await sessions.open(sd15Model, 'unet/model.onnx')
    expect(sessions.environment()).toEqual({ loraLayers: 1, loraLayersIgnored: 2 })
  })

  test('networks of the task, but neither the refiner nor what it has no keys for', async () => {
    const lora = await fileOf(attention(peft))
    const controlnet = { id: 'test/controlnet', path: join(scratch, 'controlnet') }
    const unet = { id: 'test/unet', path: join(scratch, 'unet') }
    await cp(join(sd15Model.path, 'unet'), join(controlnet.path, 'unet_with_residuals'), { recursive: true })
    await cp(join(sd15Model.path, 'unet'), unet.path, { recursive: true })
    const refiner = { ...sd15Model }
    const { sessions, opened } = await open(lora, { others: { refiner, controlnet, unet } })
    await sessions.open(controlnet, 'unet_with_residuals/model.onnx')
    await sessions.open(unet, 'model.onnx')
    await cp(join(unet.path, 'model.onnx'), join(unet.path, 'model.fp16.onnx'))
    await sessions.open(unet, 'model.fp16.onnx')
    expect(opened.splice(0).map((path) => path.startsWith(cacheFolder))).toEqual([true, true, true])
    await sessions.open(refiner, 'unet/model.onnx')
    await sessions.open(sd15Model, 'text_encoder/model.onnx')
    await sessions.open(sd15Model, 'vae_decoder/model.onnx')
    expect(opened.filter((path) => path.startsWith(cacheFolder))).toEqual([])
  })

  test('another weight, another file', async () => {
    const lora = await fileOf(attention(peft))
    const [full, half, again] = [
      await mergedUnet(lora, { weight: 100 }),
      await mergedUnet(lora, { weight: 50 }),
      await mergedUnet(lora, { weight: 100 }),
    ]
    expect(again).toBe(full)
    expect(half).not.toBe(full)
    expect((await scaleOf(full)) / (await scaleOf(half))).toBeCloseTo(2, 4)
  })

  test('a layer without alpha has that of most layers, attention always has it', async () => {
    const file = {
      ...kohya(underscored(Q), 4, 16, 16, 12),
      ...kohya(underscored(FF), 4, 16, 64),
      ...kohya(underscored(FC), 4, 128, 16, 2),
      ...kohya(underscored(MID_FF), 4, 32, 128, 2),
    }
    const path = await mergedUnet(await fileOf(file))
    expect(await scaleOf(path)).toBeCloseTo(2 / 4, 4)
  })

  test('a UNet file with two layers of another rank than most has scale 1 everywhere', async () => {
    const file = (...ranks: [number, number, number, number]) =>
      fileOf({
        ...kohya(underscored(Q), 4, 16, 16, 12),
        ...kohya(underscored(FC), ranks[0], 128, 16, 12),
        ...kohya(underscored(FF), ranks[1], 16, 64, 12),
        ...kohya(underscored(MID_FC), ranks[2], 256, 32, 12),
        ...kohya(underscored(MID_FF), ranks[3], 32, 128, 12),
      })
    expect(await scaleOf(await mergedUnet(await file(4, 4, 4, 2)))).toBeCloseTo(12 / 4, 4)
    expect(await scaleOf(await mergedUnet(await file(4, 4, 3, 2)))).toBeCloseTo(1, 4)
  })

  test("Stable Diffusion XL: the original code's block names are those of diffusers", async () => {
    const names = [
      ['input_blocks_2_0_op', 'down_blocks_0_downsamplers_0_conv'],
      ['output_blocks_1_2_conv', 'up_blocks_0_upsamplers_0_conv'],
      ['input_blocks_1_0_in_layers_2', 'down_blocks_0_resnets_0_conv1'],
      ['middle_block_0_out_layers_3', 'mid_block_resnets_0_conv2'],
      ['middle_block_1_transformer_blocks_0_attn1_to_q', 'mid_block_attentions_0_transformer_blocks_0_attn1_to_q'],
      ['output_blocks_0_1_proj_in', 'up_blocks_0_attentions_0_proj_in'],
      ['output_blocks_2_0_skip_connection', 'up_blocks_1_resnets_0_conv_shortcut'],
      ['input_blocks_3_0_emb_layers_1', 'down_blocks_1_resnets_0_time_emb_proj'],
    ] as const
    const { index } = await openIndexedModel(sdxlModel, 'unet/model.onnx')
    const weights = new Map([...moduleWeights(index, 'conv_in')].map(([name, each]) => [underscored(name), each]))
    const build = (which: 0 | 1) =>
      fileOf(
        Object.assign(
          {},
          ...names.map((pair) => {
            const weight = weights.get(pair[1])
            if (!weight) throw new Error(`no ${pair[1]}`)
            const dims = weight.layout === 'inOut' ? [...weight.initializer.dims].reverse() : weight.initializer.dims
            const [out = 0, ...rest] = dims
            const ones = rest.slice(1).map(() => 1)
            return {
              [`lora_unet_${pair[which]}.lora_down.weight`]: values(2, ...rest),
              [`lora_unet_${pair[which]}.lora_up.weight`]: values(out, 2, ...ones),
            }
          }),
        ),
      )
    const options = { base: sdxlModel, others: { refiner: sdxlRefiner } }
    const [sgm, diffusers] = [await mergedUnet(await build(0), options), await mergedUnet(await build(1), options)]
    expect(sgm).not.toBe(diffusers)
    expect(readFileSync(sgm).equals(readFileSync(diffusers))).toBe(true)
    expect(readFileSync(sgm).equals(readFileSync(join(sdxlModel.path, 'unet/model.onnx')))).toBe(false)
  })

  test("another base model's numbering of blocks, another file", async () => {
    // Block 3 of the way up is the second of the second level with two blocks per level, the first of it with three.
    const block = 'lora_unet_output_blocks_3_0_out_layers_3'
    const lora = await fileOf({
      [`${block}.lora_down.weight`]: values(2, 8, 3, 3),
      [`${block}.lora_up.weight`]: values(8, 2, 1, 1),
    })
    const merged = async (layersPerBlock: number) => {
      const base = { id: 'test/base', path: join(scratch, `base-${layersPerBlock}`) }
      await mkdir(join(base.path, 'text_encoder_2'), { recursive: true })
      await mkdir(join(base.path, 'unet'))
      await writeFile(join(base.path, 'text_encoder_2/model.onnx'), '')
      await writeFile(join(base.path, 'unet/config.json'), JSON.stringify({ layers_per_block: layersPerBlock }))
      const { sessions, opened } = await open(lora, { base, others: { unet: sdxlModel } })
      await sessions.open(sdxlModel, 'unet/model.onnx')
      return readFileSync(opened[0] ?? '')
    }
    const [two, three] = [await merged(1), await merged(2)]
    expect(two.equals(three)).toBe(false)
  })

  test('Stable Diffusion XL: both text encoders', async () => {
    const layer = (prefix: string, size: number) => ({
      [`${prefix}_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight`]: values(2, size),
      [`${prefix}_text_model_encoder_layers_0_self_attn_q_proj.lora_up.weight`]: values(size, 2),
    })
    const lora = await fileOf({ ...layer('lora_te1', 32), ...layer('lora_te2', 48) })
    const { sessions, opened } = await open(lora, { base: sdxlModel })
    await sessions.open(sdxlModel, 'text_encoder/model.onnx')
    await sessions.open(sdxlModel, 'text_encoder_2/model.onnx')
    expect(opened.every((path) => path.startsWith(cacheFolder))).toBe(true)
    expect(sessions.environment()).toEqual({ loraLayers: 2, loraLayersIgnored: 0 })
  })

  test('weights in half precision: added in float32, rounded once', async () => {
    const module = 'mid_block.attentions.0.transformer_blocks.0.attn1.to_q'
    const tensors = { [`unet.${module}.lora_A.weight`]: values(2, 80), [`unet.${module}.lora_B.weight`]: values(80, 2) }
    const path = await mergedUnet(await fileOf(tensors), { base: tinyShapes })
    const { index } = await openIndexedModel(tinyShapes, 'unet/model.onnx')
    const weight = moduleWeights(index, 'conv_in').get(module)
    if (weight?.initializer.place.kind !== 'inline') throw new Error('the weight is not in the file')
    const { start, bytes } = weight.initializer.place
    const halves = (file: string) =>
      float16ToFloat32(new Uint16Array(Uint8Array.from(readFileSync(file).subarray(start, start + bytes)).buffer))
    const [before, after] = [halves(join(tinyShapes.path, 'unet/model.onnx')), halves(path)]
    const [down, up] = [values(2, 80).data as Float32Array, values(80, 2).data as Float32Array]
    const expected = before.map((value, at) => {
      const [input, output] = [Math.floor(at / 80), at % 80]
      const first = Math.fround((up[output * 2] ?? 0) * (down[input] ?? 0))
      const sum = Math.fround(first + Math.fround((up[output * 2 + 1] ?? 0) * (down[80 + input] ?? 0)))
      return Math.fround(value + sum)
    })
    expect(after).toEqual(float16ToFloat32(float32ToFloat16(expected)))
    expect(weight.layout).toBe('inOut')
  })
})
