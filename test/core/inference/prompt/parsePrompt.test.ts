import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { packageRoot } from '../../../../src/base/packageRoot.js'
import type { FlatPrompt, ParsedPrompt } from '../../../../src/core/inference/prompt/parsedPrompt.js'
import { parsePrompt } from '../../../../src/core/inference/prompt/parsePrompt.js'

type GoldenPart =
  | { type: 'Fragment'; text: string; weight: number }
  | { type: 'Swap'; original: GoldenPart[]; edited: GoldenPart[] }
type GoldenPrompt =
  | { type: 'FlattenedPrompt'; children: GoldenPart[] }
  | { type: 'Blend'; weights: number[]; normalize: boolean; prompts: { children: GoldenPart[] }[] }
type GoldenCase = {
  id: string
  prompt: string
  parsed?: { weights: number[]; prompts: GoldenPrompt[] }
  error?: string
}

const cases: GoldenCase[] = JSON.parse(readFileSync(join(packageRoot, 'test/vectors/compel/cases.json'), 'utf8')).cases

const flat = (children: GoldenPart[]): FlatPrompt =>
  children.map((part) =>
    part.type === 'Fragment'
      ? { text: part.text, weight: part.weight }
      : { original: flat(part.original) as never, edited: flat(part.edited) as never },
  )

const expected = ({ parsed, error }: GoldenCase): ParsedPrompt | undefined =>
  parsed && !error
    ? parsed.prompts.map((prompt, index) => ({
        weight: parsed.weights[index] ?? 1,
        prompt:
          prompt.type === 'FlattenedPrompt'
            ? flat(prompt.children)
            : {
                prompts: prompt.prompts.map(({ children }) => flat(children)),
                weights: prompt.weights,
                normalize: prompt.normalize,
              },
      }))
    : undefined

/** Powers of 1.1 differ in the last bit between languages. */
const rounded = (value: unknown) =>
  JSON.parse(
    JSON.stringify(value ?? null, (_, inner) => (typeof inner === 'number' ? Number(inner.toPrecision(14)) : inner)),
  )

describe('parsePrompt', () => {
  test.each(cases.map((each) => [each.id, each.prompt.slice(0, 60), each] as const))(
    'golden %s: %s',
    (_id, _prompt, golden) => {
      expect(rounded(parsePrompt(golden.prompt))).toEqual(rounded(expected(golden)))
    },
  )

  test('any text ends, with a tree or a refusal', () => {
    const symbols = fc.string({
      unit: fc.constantFrom('(', ')', '"', '+', '-', '.', ',', '\\', ' ', 'a', '1', '.blend(', '.and(', '.swap('),
      maxLength: 60,
    })
    fc.assert(
      fc.property(symbols, (prompt) => void parsePrompt(prompt)),
      { numRuns: 500 },
    )
  })

  test('hostile nesting is refused quickly', () => {
    for (const piece of ['(', '((a)+', '"(', '(a+ ', '(\\"'])
      expect(() => parsePrompt(piece.repeat(5000))).not.toThrow()
  })
})
