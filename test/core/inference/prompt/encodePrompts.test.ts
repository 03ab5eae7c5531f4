import { readFileSync } from 'node:fs'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { packageRoot } from '../../../../src/base/packageRoot.js'
import { type ClipTokenizer, loadClipTokenizer } from '../../../../src/core/inference/prompt/clipTokenizer.js'
import type { PromptEncoder } from '../../../../src/core/inference/prompt/encodePrompt.js'
import { encodePrompts } from '../../../../src/core/inference/prompt/encodePrompts.js'
import { createPromptEncoder } from '../../../../src/core/inference/prompt/promptEncoder.js'
import { relativeDeviation } from '../../../helpers/deviation.js'
import { npyRow, readNpy } from '../../../helpers/npy.js'
import { openSessions, sd15Model } from '../../../helpers/sd15Model.js'

const folder = join(packageRoot, 'test/vectors/compel')
const read = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'))
const { cases, pairs } = read('cases.json') as {
  cases: { id: string; prompt: string; embedding?: string }[]
  pairs: { prompt: string; negative_prompt: string; file: string }[]
}

let tokenizer: ClipTokenizer
let encoder: PromptEncoder
beforeAll(async () => {
  tokenizer = await loadClipTokenizer(sd15Model, 'tokenizer')
  encoder = await createPromptEncoder(sd15Model, openSessions())
})

describe('CLIP tokens', () => {
  test.each(
    (read('tokenizer.json') as { text: string; input_ids: number[] }[]).map(
      (each) => [each.text.slice(0, 50), each] as const,
    ),
  )('golden %j', (_name, { text, input_ids }) => {
    expect([tokenizer.startId, ...tokenizer.encode(text), tokenizer.endId]).toEqual(input_ids)
  })
})

describe('encodePrompts', () => {
  test.each(
    cases.filter(({ embedding }) => embedding).map((each) => [each.id, each.prompt.slice(0, 50), each] as const),
  )('golden %s: %s', async (_id, _prompt, { prompt, embedding }) => {
    const golden = readNpy(join(folder, embedding as string))
    const [actual] = await encodePrompts(encoder, prompt, '')
    expect(relativeDeviation(actual.data, golden.data)).toBeLessThan(5e-6)
  })

  test.each(pairs.map((each) => [each.file, each] as const))(
    'golden %s: both sides have one length',
    async (_file, pair) => {
      const golden = readNpy(join(folder, pair.file))
      const [positive, negative] = await encodePrompts(encoder, pair.prompt, pair.negative_prompt)
      expect(relativeDeviation(positive.data, npyRow(golden, 0))).toBeLessThan(5e-6)
      expect(relativeDeviation(negative.data, npyRow(golden, 1))).toBeLessThan(5e-6)
    },
  )

  test('a weight below 1 needs an encoder that can hide tokens, and the refusal says so', async () => {
    const path = await mkdtemp(join(tmpdir(), 'crynux-unmasked-'))
    onTestFinished(() => rm(path, { recursive: true }))
    await cp(join(sd15Model.path, 'tokenizer'), join(path, 'tokenizer'), { recursive: true })
    await cp(join(sd15Model.path, 'text_encoder/model.onnx'), join(path, 'text_encoder/model.onnx'))
    const unmasked = await createPromptEncoder({ id: 'unmasked', path }, openSessions())
    await expect(encodePrompts(unmasked, 'a (cat)1.2', '')).resolves.toBeDefined()
    await expect(encodePrompts(unmasked, 'a (cat)0.5', '')).rejects.toMatchObject({
      code: 'CRYNUX_MODEL_FILE',
      message: expect.stringContaining('text_encoder/model.onnx'),
      remedy: expect.stringContaining('text_encoder/model_with_mask.onnx'),
    })
  })

  test('syntax without meaning is refused by the field that has it', async () => {
    await expect(encodePrompts(encoder, 'a cat', '()')).rejects.toThrow(
      'field negative_prompt has weighting syntax that cannot be read',
    )
  })
})

test('the longest prompt of the least weights ends soon and in little memory', async () => {
  const before = process.memoryUsage().rss
  const start = performance.now()
  const [embedding] = await encodePrompts(encoder, 'a- b++ '.repeat(700), '')
  expect(embedding.dims[0]).toBe(77 * Math.ceil((700 * 2) / 75))
  expect(performance.now() - start).toBeLessThan(20_000)
  expect(process.memoryUsage().rss - before).toBeLessThan(300e6)
})
