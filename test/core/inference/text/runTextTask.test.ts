import { createHash } from 'node:crypto'
import { cp, mkdtemp, rm, truncate, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packageRoot } from '../../../../src/base/packageRoot.js'
import type { InferenceProgress } from '../../../../src/core/inference/childProcess/messages.js'
import { runTask } from '../../../../src/core/inference/childProcess/runTask.js'
import type { ModelFolder } from '../../../../src/core/inference/modelFile.js'
import { createSessionStore, type OnnxRuntime } from '../../../../src/core/inference/session.js'
import type { TextResponse } from '../../../../src/core/inference/text/textPipeline.js'
import { parseTextArguments } from '../../../../src/core/task/arguments.js'
import { canonicalBytes } from '../../../../src/core/task/canonicalForm.js'
import { verifyResultFiles } from '../../../../src/core/task/verifyResult.js'
import { readGolden, TINY_LLAMA } from '../../../helpers/tinyLlama.js'

const TINY_CHAT = { id: 'embedded:tiny-chat', path: join(packageRoot, 'models/tiny-chat') }
const sessions = createSessionStore(ort)

/** Runs text arguments with a model, in this process. */
async function run(
  input: object,
  { model = TINY_CHAT, runtime = ort as OnnxRuntime } = {} as { model?: ModelFolder; runtime?: OnnxRuntime },
) {
  const progress: InferenceProgress[] = []
  const task = { kind: 'text' as const, arguments: parseTextArguments({ model: model.id, ...input }) }
  const result = await runTask(
    { task, models: { base: model } },
    {
      ort: runtime,
      sessions: runtime === ort ? sessions : createSessionStore(runtime),
      now: () => performance.now(),
      onProgress: (event) => progress.push(event),
    },
  )
  const bytes = result.files[0]?.bytes ?? new Uint8Array()
  const response = JSON.parse(new TextDecoder().decode(bytes)) as TextResponse
  const streamed = progress.flatMap((event) => (event.stage === 'generate' ? [event.text] : [])).join('')
  /** Tokens of each answer. */
  const lengths: number[] = []
  for (const event of progress) if (event.stage === 'generate') lengths[event.answer] = event.tokens
  return { ...result, bytes, response, streamed, lengths }
}

const ask = (content: string, more: object = {}) => ({ messages: [{ role: 'user', content }], ...more })

describe('golden responses of the network’s engine', () => {
  type Case = { task_args: object; response: TextResponse }
  const { cases } = readGolden('gpt_task_responses.json') as { cases: Case[] }
  test.each(cases.map((item, index) => [index, item] as const))('case %i', async (_, { task_args, response }) => {
    const made = await run(task_args, { model: TINY_LLAMA })
    expect(made.response).toEqual(response)
    expect(made.streamed).toBe(response.choices.map(({ message }) => message.content).join(''))
    // The file is the canonical form, and its SHA-256 the score.
    expect(made.files).toMatchObject([{ name: '0.json', mediaType: 'application/json' }])
    expect(Buffer.from(made.bytes)).toEqual(Buffer.from(canonicalBytes(response)))
    expect(made.score).toBe(`0x${createHash('sha256').update(made.bytes).digest('hex')}`)
    expect(await verifyResultFiles({ kind: 'text', files: [made.bytes], score: made.score })).toBe(true)
  })
})

describe('the embedded chat model', () => {
  test.each([
    ['What is 7 plus 5?', /\b12\b/],
    ['What is 15 minus 6?', /\b9\b/],
    ['Who wrote the third Dutch grammar?', /too small/],
  ])('%s', async (question, answer) => {
    const { response, streamed, timings, environment } = await run(ask(question))
    const [choice] = response.choices
    expect(choice?.message.content).toMatch(answer)
    expect(choice).toMatchObject({ index: 0, message: { role: 'assistant' }, finish_reason: 'stop' })
    expect(response.usage.total_tokens).toBe(response.usage.prompt_tokens + response.usage.completion_tokens)
    expect(streamed).toBe(choice?.message.content)
    expect(Object.keys(timings)).toEqual(['load', 'encode', 'prefill', 'generate', 'finish', 'total'])
    expect(environment).toMatchObject({
      network: 'onnx/model.onnx',
      batch: 1,
      intraOpThreads: 1,
      executionProvider: 'cpu',
    })
  })

  test('an answer that is cut off says so', async () => {
    const { response, streamed } = await run(ask('Tell me a story', { generation_config: { max_new_tokens: 5 } }))
    expect(response.choices[0]?.finish_reason).toBe('length')
    expect(response.usage.completion_tokens).toBe(5)
    expect(streamed).toBe(response.choices[0]?.message.content)
  })

  test('a stop string ends the answer and stays in it', async () => {
    const { response } = await run(ask('Tell me a story', { generation_config: { stop_strings: ['. '] } }))
    const text = response.choices[0]?.message.content ?? ''
    expect(text).toMatch(/\.(?: \S*)?$/)
    expect(text.split('. ').length).toBeLessThanOrEqual(2)
  })

  test('several answers are filled up to the longest, and counted so', async () => {
    const sampled = (count: number) =>
      ask('Tell me a story', {
        generation_config: { do_sample: true, temperature: 1, max_new_tokens: 200, num_return_sequences: count },
      })
    const [one, three] = [await run(sampled(1)), await run(sampled(3))]
    const texts = three.response.choices.map(({ message }) => message.content)
    expect(texts[0]).toBe(one.response.choices[0]?.message.content)
    expect(new Set(texts).size).toBe(3)
    expect(three.response.choices.map(({ index }) => index)).toEqual([0, 1, 2])
    expect(new Set(three.lengths).size).toBeGreaterThan(1)
    expect(three.response.usage.completion_tokens).toBe(3 * Math.max(...three.lengths))
  })
})

describe('determinism', () => {
  const sampled = ask('Tell me a story about a red circle', {
    seed: 3,
    generation_config: { do_sample: true, temperature: 0.9, max_new_tokens: 24, num_return_sequences: 2 },
  })
  test('twenty runs give one hash, another seed another', async () => {
    const scores = new Set<string>()
    for (let count = 0; count < 20; count++) scores.add((await run(sampled)).score)
    expect(scores.size).toBe(1)
    expect([...scores]).not.toContain((await run({ ...sampled, seed: 4 })).score)
  })

  test('one thread and two give the same', async () => {
    const twoThreads: OnnxRuntime = {
      ...ort,
      InferenceSession: {
        ...ort.InferenceSession,
        create: (path: string, options: object) =>
          ort.InferenceSession.create(path, { ...options, intraOpNumThreads: 2 }),
      } as OnnxRuntime['InferenceSession'],
    }
    for (const model of [TINY_CHAT, TINY_LLAMA]) {
      expect((await run(sampled, { model, runtime: twoThreads })).score).toBe((await run(sampled, { model })).score)
    }
  })
})

describe('what cannot be done', () => {
  test.each<[object, object]>([
    [
      ask('a '.repeat(2000)),
      {
        code: 'CRYNUX_MODEL_INPUT',
        exitCode: 2,
        message: expect.stringMatching(/^field messages is \d+ tokens long .* fewer than 512$/),
      },
    ],
    // Never to be a character, so unknown to every version.
    [
      ask('a \uffff b'),
      { code: 'CRYNUX_MODEL_INPUT', message: expect.stringContaining('field messages has a character that is not in') },
    ],
    [ask('hi', { dtype: 'bfloat16' }), { code: 'CRYNUX_NOT_SUPPORTED_YET', details: { field: 'dtype' } }],
    [
      ask('hi', { quantize_bits: 4 }),
      {
        code: 'CRYNUX_MODEL_FILE',
        exitCode: 12,
        message: "file onnx/model_q4.onnx of model 'embedded:tiny-chat' is missing, which quantize_bits 4 asks for",
      },
    ],
    [
      ask('hi', { dtype: 'float16' }),
      { message: "file onnx/model_fp16.onnx of model 'embedded:tiny-chat' is missing, which dtype float16 asks for" },
    ],
  ])('%.60j', async (input, error) => {
    await expect(run(input)).rejects.toMatchObject(error)
  })

  test('the file of the wanted precision is run, and no other', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'crynux-precision-'))
    const model = { id: 'owner/chat', path: folder }
    await cp(TINY_CHAT.path, folder, { recursive: true })
    const network = join(folder, 'onnx/model.onnx')
    const files = {
      'onnx/model_q4.onnx': { quantize_bits: 4 },
      'onnx/model_q4f16.onnx': { quantize_bits: 4, dtype: 'float16' },
      'onnx/model_quantized.onnx': { quantize_bits: 8 },
      'onnx/model_fp16.onnx': { dtype: 'float16' },
    }
    for (const [file, more] of Object.entries(files)) {
      await cp(network, join(folder, file))
      expect((await run(ask('hi', more), { model })).environment.network).toBe(file)
    }
    await rm(folder, { recursive: true })
  })

  test.each([
    [{ messages: [{ role: 'robot', content: 'x' }] }, 'messages.0.role'],
    [{ messages: [] }, 'messages'],
    [ask('x'.repeat(16 * 1024 + 1)), 'messages.0.content'],
    [ask('x', { generation_config: { top_p: 2 } }), 'generation_config.top_p'],
    [ask('x', { generation_config: { stop_strings: [''] } }), 'generation_config.stop_strings.0'],
  ])('%.60j names its field', (input, field) => {
    expect(() => parseTextArguments({ model: 'm', ...input })).toThrow(
      expect.objectContaining({ code: 'CRYNUX_INVALID_ARGUMENTS', details: { field } }),
    )
  })
})

describe('a broken model folder', () => {
  let root: string
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'crynux-text-'))
  })
  afterAll(() => rm(root, { recursive: true }))

  test.each<[string, (folder: string) => Promise<void>, string]>([
    ['config.json', (folder) => unlink(join(folder, 'config.json')), 'is missing'],
    ['tokenizer.json', (folder) => truncate(join(folder, 'tokenizer.json'), 500), 'is not valid JSON'],
    [
      'tokenizer.json',
      (folder) => writeFile(join(folder, 'tokenizer.json'), '{"model": {"type": "BPE"}}'),
      'does not describe a tokenizer',
    ],
    [
      'tokenizer_config.json',
      (folder) => writeFile(join(folder, 'tokenizer_config.json'), '{}'),
      'has no chat_template: the model is not made for chats',
    ],
    ['onnx/model.onnx', (folder) => unlink(join(folder, 'onnx/model.onnx')), 'is missing'],
    ['onnx/model.onnx', (folder) => truncate(join(folder, 'onnx/model.onnx'), 5000), 'is damaged or not an ONNX model'],
    [
      'onnx/model.onnx',
      (folder) => cp(join(packageRoot, 'models/tiny-shapes/text_encoder/model.onnx'), join(folder, 'onnx/model.onnx')),
      'has no past_key_values inputs: it is no decoder with a KV cache',
    ],
    [
      'tokenizer.json',
      (folder) => writeFile(join(folder, 'config.json'), '{"vocab_size": 10}'),
      'has tokens beyond the 10 of config.json',
    ],
    [
      'generation_config.json',
      (folder) => writeFile(join(folder, 'generation_config.json'), '[]'),
      'is not a JSON object',
    ],
  ])('%s: %#', async (file, damage, complaint) => {
    const folder = await mkdtemp(join(root, 'model-'))
    await cp(TINY_CHAT.path, folder, { recursive: true })
    await damage(folder)
    await expect(run(ask('hi'), { model: { id: 'owner/chat', path: folder } })).rejects.toMatchObject({
      code: 'CRYNUX_MODEL_FILE',
      exitCode: 12,
      message: `file ${file} of model 'owner/chat' ${complaint}`,
    })
  })
})
