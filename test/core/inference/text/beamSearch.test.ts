import { expect, test } from 'vitest'
import { beamSearch } from '../../../../src/core/inference/text/beamSearch.js'
import type { CausalModel, CausalState } from '../../../../src/core/inference/text/causalModel.js'
import { createSampler } from '../../../../src/core/inference/text/sampling.js'
import { logSoftmax } from '../../../../src/core/inference/text/softmax.js'
import { settingsOf } from '../../../helpers/tinyLlama.js'

const END = 0
/** A model small enough to try every answer: what comes next depends on the last token and the length. */
const table = [
  [0.1, 1.1, 0.7],
  [0.9, 0.2, 1.3],
  [0.4, 1.6, 0.3],
]
const logitsAfter = (last: number, length: number) =>
  Float32Array.from(table[last] ?? [], (logit, token) => logit * (1 + 0.37 * length) - (token === END ? 0.2 : 0))
const stateOf = (last: number, length: number): CausalState => ({
  logits: logitsAfter(last, length),
  memory: [],
  length,
})
const model: CausalModel = {
  start: async (tokens) => stateOf(tokens.at(-1) ?? 0, 0),
  extend: async ({ length }, token) => stateOf(token, length + 1),
}

const LIMIT = 4

/** Every answer with its score, best first, by walking through all of them. */
function everyAnswer(lengthPenalty: number): { tokens: number[]; score: number }[] {
  const answers: { tokens: number[]; score: number }[] = []
  const walk = (tokens: number[], last: number, score: number) => {
    const chances = logSoftmax(logitsAfter(last, tokens.length))
    for (const [token, chance] of chances.entries()) {
      const longer = [...tokens, token]
      if (token === END || longer.length === LIMIT)
        answers.push({ tokens: longer, score: (score + chance) / longer.length ** lengthPenalty })
      else walk(longer, token, score + chance)
    }
  }
  walk([], 1, 0)
  return answers.sort((a, b) => b.score - a.score)
}

const search = (generation: object, own: object) =>
  beamSearch({
    model,
    prompt: [1],
    first: stateOf(1, 0),
    settings: settingsOf(generation, { eos_token_id: END, ...own }),
    limit: LIMIT,
    processors: [],
    sampler: createSampler(0),
    ends: (tokens) => tokens.at(-1) === END,
    onStep: () => {},
  })

test.each([0, 1, 2, -1])('with beams for all answers it finds the best, length penalty %d', async (penalty) => {
  const found = await search({ num_beams: 16, num_return_sequences: 16 }, { length_penalty: penalty })
  const best = everyAnswer(penalty).map(({ tokens }) => tokens)
  expect(found.slice(0, 5)).toEqual(best.slice(0, 5))
})

test('the length penalty decides between short and long', async () => {
  const [short] = await search({ num_beams: 16 }, { length_penalty: -1 })
  const [long] = await search({ num_beams: 16 }, { length_penalty: 2 })
  expect(short?.length).toBeLessThan(long?.length ?? 0)
})

test('early stopping takes the first answers that end', async () => {
  const patient = await search(
    { num_beams: 2, num_return_sequences: 2 },
    { early_stopping: 'never', length_penalty: 2 },
  )
  const early = await search({ num_beams: 2, num_return_sequences: 2 }, { early_stopping: true, length_penalty: 2 })
  const total = (answers: number[][]) => answers.reduce((sum, { length }) => sum + length, 0)
  expect(total(early)).toBeLessThan(total(patient))
})
