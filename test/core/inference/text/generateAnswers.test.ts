import { describe, expect, test } from 'vitest'
import { generateAnswers } from '../../../../src/core/inference/text/generateAnswers.js'
import { logSoftmax } from '../../../../src/core/inference/text/softmax.js'
import { createStopCheck } from '../../../../src/core/inference/text/stopStrings.js'
import { loadTextTokenizer } from '../../../../src/core/inference/text/textTokenizer.js'
import { openTinyLlama, readGolden, settingsOf, TINY_LLAMA } from '../../../helpers/tinyLlama.js'

type Case = {
  kind: string
  prompt: string
  input_ids: number[]
  params?: object
  stop_strings?: string[]
  sequences: number[][]
  texts?: string[]
  steps?: { token: number; logprob: number; logit: number; top5: [number, number][] }[]
}
const cases = readGolden('generate.json') as Case[]
const exact = cases.filter(({ kind }) => !kind.includes('informative'))
const model = await openTinyLlama()
const { tokenizer } = await loadTextTokenizer(TINY_LLAMA)

/** `seed` and `stops` where a test needs them. */
const generate = (
  prompt: number[],
  generation: object,
  { seed = 0, stopStrings = [] as string[], window = 512 } = {},
) =>
  generateAnswers({
    model,
    prompt,
    settings: settingsOf(generation),
    seed,
    window,
    stops: createStopCheck(tokenizer, stopStrings, prompt),
    onToken: () => {},
    onAnswer: () => {},
    onBeamStep: () => {},
    onPrefilled: () => {},
  })

test.each(exact.map((item) => [item.kind, item.prompt, item] as const))(
  'golden %s: %s',
  async (_kind, _prompt, item) => {
    expect(tokenizer.encode(item.prompt)).toEqual(item.input_ids)
    const answers = await generate(
      item.input_ids,
      item.params ?? { max_new_tokens: 24 },
      item.stop_strings ? { stopStrings: item.stop_strings } : {},
    )
    expect(answers).toEqual(item.sequences)
    if (item.texts) expect(answers.map((tokens) => tokenizer.decode(tokens, { special: false }))).toEqual(item.texts)
  },
)

test.each(cases.filter(({ steps }) => steps).map((item) => [item.prompt, item] as const))(
  'logits and log-probabilities of %s',
  async (_prompt, { input_ids, steps = [] }) => {
    let state = await model.start(input_ids)
    for (const { token, logit, logprob, top5 } of steps) {
      const largest = Math.max(1, ...state.logits.map(Math.abs))
      expect(Math.abs((state.logits[token] ?? 0) - logit)).toBeLessThanOrEqual(2e-5 * largest)
      for (const [other, value] of top5)
        expect(Math.abs((state.logits[other] ?? 0) - value)).toBeLessThanOrEqual(2e-5 * largest)
      expect(Math.abs((logSoftmax(state.logits)[token] ?? 0) - logprob)).toBeLessThanOrEqual(1e-4)
      state = await model.extend(state, token)
    }
  },
)

test('reading a prompt at once or token by token gives the same', async () => {
  const [first = 0, ...rest] = cases[0]?.input_ids ?? []
  let state = await model.start([first])
  for (const token of rest) state = await model.extend(state, token)
  const whole = await model.start([first, ...rest])
  expect(state.length).toBe(whole.length)
  for (const [token, logit] of whole.logits.entries()) expect(state.logits[token]).toBeCloseTo(logit, 4)
})

test('an answer ends at the last place that the model can look at', async () => {
  const prompt = cases[1]?.input_ids ?? []
  for (const beams of [1, 3]) {
    const [answer = []] = await generate(prompt, { num_beams: beams }, { window: prompt.length + 5 })
    expect(answer).toHaveLength(5)
  }
})

describe('stop strings', () => {
  // "The image model" → ou and insky 16 " import" ou " =" …
  const prompt = cases.find((item) => item.prompt === 'The image model')?.input_ids ?? []
  const whole = [313, 623, 436, 438, 313, 302]
  test.each([
    ['inside one token', 'sky', 2, whole.slice(0, 2)],
    ['across two tokens', '16 im', 4, whole.slice(0, 4)],
    ['across three tokens', 'y16 importo', 5, whole.slice(0, 5)],
    ['the first that comes', 'nothing', 24, undefined],
  ])('%s', async (_name, stop, length, expected) => {
    const [answer = []] = await generate(prompt, { max_new_tokens: 24 }, { stopStrings: ['never said', stop] })
    expect(answer).toHaveLength(length)
    if (expected) expect(answer).toEqual(expected)
  })

  test('of characters whose bytes are spread over tokens', () => {
    const tokens = tokenizer.encode('日本').slice(1)
    expect(tokens.length).toBeGreaterThan(2)
    const check = createStopCheck(tokenizer, ['日本'], [])
    expect(tokens.map((_, index) => check(tokens.slice(0, index + 1)))).toEqual([
      ...Array(tokens.length - 1).fill(false),
      true,
    ])
  })

  test('that begin in the prompt count, those that end there do not', () => {
    const prompt = tokenizer.encode('one two')
    const [next = 0] = tokenizer.encode(' three').slice(1)
    expect(createStopCheck(tokenizer, ['two'], prompt)([next])).toBe(false)
    const gained = tokenizer.decode([next], { special: true })
    expect(createStopCheck(tokenizer, [`two${gained}`], prompt)([next])).toBe(true)
  })

  test('may be special tokens', () => {
    expect(createStopCheck(tokenizer, ['<|im_end|>'], [])([...tokenizer.encode('x<|im_end|>')])).toBe(true)
  })
})

describe('sampling', () => {
  const prompt = cases[0]?.input_ids ?? []
  const sampled = { do_sample: true, temperature: 0.9, max_new_tokens: 12 }
  test('a seed gives the same answers, another seed others; answers of one task differ', async () => {
    const settings = { ...sampled, num_return_sequences: 3 }
    const first = await generate(prompt, settings, { seed: 5 })
    expect(await generate(prompt, settings, { seed: 5 })).toEqual(first)
    expect(await generate(prompt, settings, { seed: 6 })).not.toEqual(first)
    expect(new Set(first.map(String)).size).toBe(3)
    // The first of several is what one alone would be.
    expect(await generate(prompt, sampled, { seed: 5 })).toEqual(first.slice(0, 1))
  })

  test('with one candidate it is greedy', async () => {
    expect(await generate(prompt, { ...sampled, top_k: 1 })).toEqual(await generate(prompt, { max_new_tokens: 12 }))
  })

  test('beams can be sampled', async () => {
    const settings = { ...sampled, num_beams: 3, num_return_sequences: 2 }
    const first = await generate(prompt, settings, { seed: 1 })
    expect(first).toHaveLength(2)
    expect(await generate(prompt, settings, { seed: 1 })).toEqual(first)
  })
})
