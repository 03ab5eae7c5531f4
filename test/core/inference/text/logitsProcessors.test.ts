import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createLogitsProcessors } from '../../../../src/core/inference/text/logitsProcessors.js'
import { npyRow, readNpy } from '../../../helpers/npy.js'
import { LM, readGolden, settingsOf } from '../../../helpers/tinyLlama.js'

type Case = { params: Record<string, number>; do_sample: boolean; processors: string[]; file: string; kept: number[] }
const { cases } = readGolden('processors.json') as { cases: Case[] }
const scores = readNpy(join(LM, 'processors/scores.npy'))
const inputIds = readNpy(join(LM, 'processors/input_ids.npy'))

test.each(cases.map((item) => [JSON.stringify(item.params), item.do_sample ? 'sampling' : 'greedy', item] as const))(
  '%s, %s',
  (_name, _mode, { params, do_sample, processors, file, kept }) => {
    // The golden cases have top_k off unless they name one.
    const made = createLogitsProcessors(settingsOf({ top_k: 0, ...params, do_sample }))
    expect(made.map(({ name }) => name)).toEqual(processors)
    const golden = readNpy(join(LM, file))
    for (let row = 0; row < (scores.shape[0] ?? 0); row++) {
      const actual = npyRow(scores, row).slice()
      const width = inputIds.shape[1] ?? 0
      const seen = [...inputIds.data.subarray(row * width, (row + 1) * width)]
      for (const processor of made) processor.apply(actual, seen)
      const expected = npyRow(golden, row)
      expect([...actual].map((score) => score > Number.NEGATIVE_INFINITY)).toEqual(
        [...expected].map((score) => score > Number.NEGATIVE_INFINITY),
      )
      expect(actual.filter((score) => score > Number.NEGATIVE_INFINITY)).toHaveLength(kept[row] ?? -1)
      for (const [token, score] of expected.entries()) {
        if (score > Number.NEGATIVE_INFINITY)
          expect(Math.abs((actual[token] ?? 0) - score)).toBeLessThanOrEqual(1e-6 * Math.abs(score))
      }
    }
  },
)

describe('what nobody names', () => {
  const names = (generation: object, own: object = {}) =>
    createLogitsProcessors(settingsOf(generation, own)).map(({ name }) => name)
  test('is the fifty best tokens while sampling, and nothing otherwise', () => {
    expect(names({ do_sample: true })).toEqual(['TopKLogitsWarper'])
    expect(settingsOf({ do_sample: true }).topK).toBe(50)
    expect(names({ do_sample: false, top_k: 5, temperature: 0.5 })).toEqual([])
  })
  test('is what the model recommends', () => {
    const own = {
      do_sample: true,
      temperature: 0.6,
      top_k: 20,
      top_p: 0.95,
      max_new_tokens: 7,
      num_return_sequences: 3,
    }
    expect(settingsOf({ top_p: 1 }, own)).toMatchObject({
      doSample: true,
      temperature: 0.6,
      topK: 20,
      topP: 1,
      // As in the original these two are the task's alone.
      maxNewTokens: 256,
      sequences: 1,
    })
  })
})

test.each([
  [{ do_sample: true, temperature: 0 }, 'temperature'],
  [{ do_sample: true, typical_p: 0 }, 'typical_p'],
  [{ num_return_sequences: 2 }, 'num_return_sequences'],
  [{ num_beams: 2, num_return_sequences: 3 }, 'num_return_sequences'],
])('%j is refused as in the original', (generation, field) => {
  expect(() => settingsOf(generation)).toThrow(
    expect.objectContaining({
      code: 'CRYNUX_MODEL_INPUT',
      details: { field: `generation_config.${field}` },
    }),
  )
})

test.each([
  [{ no_repeat_ngram_size: 3 }, 'asks for no_repeat_ngram_size, which this version cannot do'],
  [{ temperature: 'hot' }, 'has a temperature that is no number'],
  [{ eos_token_id: 'end' }, 'names end or padding tokens that are no token numbers'],
])('a model with %j is refused by name', (own, complaint) => {
  expect(() => settingsOf({}, own)).toThrow(
    expect.objectContaining({
      code: 'CRYNUX_MODEL_FILE',
      message: `file generation_config.json of model '<tiny-llama>' ${complaint}`,
    }),
  )
})
