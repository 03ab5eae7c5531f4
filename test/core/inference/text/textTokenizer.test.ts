import { describe, expect, test } from 'vitest'
import { answerText, createTextStream } from '../../../../src/core/inference/text/answerText.js'
import { loadTextTokenizer } from '../../../../src/core/inference/text/textTokenizer.js'
import { readGolden, TINY_LLAMA } from '../../../helpers/tinyLlama.js'

type Case = { text: string; ids: number[]; ids_no_special: number[]; decoded: string; decoded_skip: string }
const cases = readGolden('tokenizer_cases.json') as Case[]
const { tokenizer } = await loadTextTokenizer(TINY_LLAMA)

test.each(cases.map((item) => [JSON.stringify(item.text).slice(0, 40), item] as const))('golden text %s', (_, item) => {
  expect(tokenizer.encode(item.text)).toEqual(item.ids)
  expect(tokenizer.decode(item.ids_no_special, { special: true })).toBe(item.decoded)
  expect(tokenizer.decode(item.ids_no_special, { special: false })).toBe(item.decoded_skip)
})

describe('the text of an answer', () => {
  const tokensOf = (text: string) => tokenizer.encode(text).slice(1)

  test('has no special tokens and no white space around it, by the rules of Python', () => {
    expect(answerText(tokenizer, tokensOf(' \n\u001f a b \u0085\n<|eot_id|>'))).toBe('a b')
    expect(answerText(tokenizer, tokensOf('\ufeffa'))).toBe('\ufeffa')
    expect(answerText(tokenizer, [])).toBe('')
  })

  test.each([
    ['characters of several tokens wait until they are whole', '日本語 🙂 naïve'],
    ['white space waits until something follows', '  one  two\n\n three \n'],
    ['special tokens show nothing', 'a<|im_start|>b<|eot_id|>'],
    ['nothing but white space', ' \n '],
  ])('%s', (_name, text) => {
    const tokens = tokensOf(text)
    const stream = createTextStream(tokenizer)
    const pieces = tokens.map((_, index) => stream.push(tokens.slice(0, index + 1)))
    expect(pieces.join('')).toBe(answerText(tokenizer, tokens))
    expect(pieces.join('')).not.toContain('\ufffd')
    expect(stream.end(tokens)).toBe('')
  })

  test('what never became whole comes at the end, and so does all of an answer that was not followed', () => {
    const cut = tokensOf('one 日').slice(0, -1)
    const stream = createTextStream(tokenizer)
    expect(cut.map((_, index) => stream.push(cut.slice(0, index + 1))).join('')).toBe('one')
    expect(stream.end(cut)).toBe(answerText(tokenizer, cut).slice('one'.length))
    expect(createTextStream(tokenizer).end(tokensOf(' two '))).toBe('two')
  })
})
