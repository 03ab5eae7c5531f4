import { describe, expect, test } from 'vitest'
import { type ChooseOptions, chooseFiles } from '../../../src/models/hub/chooseFiles.js'

const file = (path: string, size = 10) => ({ path, size, hash: { algorithm: 'sha256' as const, value: '' } })
const choose = (paths: readonly (string | [string, number])[], options: Omit<ChooseOptions, 'id'> = {}) => {
  const files = paths.map((entry) => (typeof entry === 'string' ? file(entry) : file(...entry)))
  const { form, files: chosen } = chooseFiles(files, { id: 'owner/name', ...options })
  return { form, files: chosen.map(({ path }) => path).sort() }
}

const DIFFUSERS = [
  ...['.gitattributes', 'README.md', 'model_index.json', 'sample.png', 'v1-5-pruned.ckpt', 'v1-5-pruned.safetensors'],
  ...['scheduler/scheduler_config.json', 'tokenizer/merges.txt', 'tokenizer/vocab.json', 'tokenizer_2/vocab.json'],
  ...[
    'text_encoder/model.onnx',
    'text_encoder/config.json',
    'text_encoder/pytorch_model.bin',
    'text_encoder/flax_model.msgpack',
  ],
  ...[
    'unet/model.onnx',
    'unet/model.onnx_data',
    'unet/config.json',
    'unet/model.fp16.onnx',
    'unet/model.fp16.onnx_data',
  ],
  ...['unet/diffusion_pytorch_model.safetensors', 'unet/diffusion_pytorch_model.safetensors.index.json'],
  ...['vae_decoder/model.onnx', 'vae_decoder/weights.pb', 'vae_decoder/config.json', 'vae_encoder/model.onnx'],
  ...['vae/config.json', 'vae/diffusion_pytorch_model.safetensors'],
]
const COMMON = [
  ...['model_index.json', 'scheduler/scheduler_config.json', 'text_encoder/config.json', 'text_encoder/model.onnx'],
  ...['tokenizer/merges.txt', 'tokenizer/vocab.json', 'tokenizer_2/vocab.json', 'unet/config.json'],
  ...['vae_decoder/config.json', 'vae_decoder/model.onnx', 'vae_decoder/weights.pb'],
]
const CHAT = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors', 'chat_template.jinja']
const QUANTIZED = [
  'onnx/model.onnx',
  'onnx/model.onnx_data',
  'onnx/model_q4.onnx',
  'onnx/model_fp16.onnx',
  'onnx/model_fp16.onnx_data',
]

describe('what is fetched of', () => {
  test('a Stable Diffusion model: ONNX and texts, never a pickle, never the same weights twice', () => {
    expect(choose(DIFFUSERS)).toEqual({
      form: 'onnx',
      files: [...COMMON, 'unet/model.onnx', 'unet/model.onnx_data'].sort(),
    })
  })

  test('its variant, and the plain files of parts that have none', () => {
    expect(choose(DIFFUSERS, { variant: 'fp16' }).files).toEqual(
      [...COMMON, 'unet/model.fp16.onnx', 'unet/model.fp16.onnx_data'].sort(),
    )
  })

  test.each<[string | undefined, string[]]>([
    [undefined, ['onnx/model.onnx', 'onnx/model.onnx_data']],
    ['q4', ['onnx/model_q4.onnx']],
    ['fp16', ['onnx/model_fp16.onnx', 'onnx/model_fp16.onnx_data']],
  ])('a language model, variant %j', (variant, graphs) => {
    const texts = ['chat_template.jinja', 'config.json', 'tokenizer.json', 'tokenizer_config.json']
    expect(choose([...CHAT, ...QUANTIZED], { variant }).files).toEqual([...texts, ...graphs].sort())
  })

  test('the encoder that can hide tokens beside the plain one, and weights of both once', () => {
    const encoder = ['model.onnx', 'model_with_mask.onnx', 'weights.pb', 'model_with_mask.onnx_data'].map(
      (name) => `text_encoder_2/${name}`,
    )
    expect(choose([...encoder, 'unet/model.onnx', 'unet/model_with_mask.onnx']).files).toEqual(
      [...encoder, 'unet/model.onnx'].sort(),
    )
  })

  test('a ControlNet, and a UNet alone', () => {
    const kit = ['controlnet/model.onnx', 'controlnet/config.json', 'unet_with_residuals/model.onnx']
    expect(choose(kit).files).toEqual([...kit].sort())
    expect(choose(['model.onnx', 'config.json', 'weights.pb', 'x.bin']).files).toEqual([
      'config.json',
      'model.onnx',
      'weights.pb',
    ])
  })

  test.each<[(string | [string, number])[], string | undefined, string[]]>([
    [
      ['pytorch_lora_weights.safetensors', 'other.safetensors', 'README.md'],
      undefined,
      ['pytorch_lora_weights.safetensors'],
    ],
    [['one.safetensors', 'two.safetensors'], undefined, ['one.safetensors', 'two.safetensors']],
    [['one.safetensors', 'two.safetensors'], 'two.safetensors', ['two.safetensors']],
    [['deep/one.safetensors', 'two.safetensors'], 'deep/one.safetensors', ['deep/one.safetensors']],
    [['learned_embeds.bin', 'token_identifier.txt'], undefined, ['learned_embeds.bin']],
    [['learned_embeds.bin', 'learned_embeds.safetensors'], undefined, ['learned_embeds.safetensors']],
  ])('an adapter %j, file %j', (paths, name, expected) => {
    expect(choose(paths, { file: name })).toEqual({ form: 'adapter', files: expected })
  })
})

test.each<[string, (string | [string, number])[], Omit<ChooseOptions, 'id'>, RegExp]>([
  [
    'a diffusers folder',
    ['model_index.json', 'unet/diffusion_pytorch_model.safetensors'],
    {},
    /only as safetensors \(a diffusers folder\)/,
  ],
  ['a transformers folder', CHAT, {}, /only as safetensors \(a transformers folder\)/],
  ['only pickles', ['config.json', 'pytorch_model.bin'], {}, /programs \(pickle\)/],
  ['a checkpoint', ['model.ckpt'], {}, /programs \(pickle\)/],
  ['nothing', ['README.md'], {}, /no weights in ONNX form/],
  ['a large pickle', [['learned_embeds.bin', 1e9]], {}, /programs \(pickle\)/],
  ['no such variant', QUANTIZED, { variant: 'q8' }, /has no variant 'q8'/],
  ['only variants', ['onnx/model_q4.onnx'], {}, /has no model\.onnx/],
  ['a pickle by name', ['model.bin'], { file: 'model.bin' }, /is not a safetensors file/],
])('%s is refused', (_name, paths, options, message) => {
  expect(() => choose(paths, options)).toThrow(message)
})

test('a refusal names the variants that there are', () => {
  expect(() => choose(QUANTIZED, { variant: 'q8' })).toThrow(
    expect.objectContaining({
      code: 'CRYNUX_MODEL_FORMAT',
      exitCode: 12,
      remedy: 'It has fp16, q4; or leave --variant away.',
    }),
  )
})
