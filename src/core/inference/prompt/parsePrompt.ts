import { NotSupportedYetError } from '../notSupportedYet.js'
import type { WeightedFragment } from './weightedFragment.js'

/**
 * Reads a prompt as Compel does. Plain prompts are one fragment of weight 1.
 *
 * @param field name of the field the prompt is from, for the error.
 * @throws NotSupportedYetError for weighting syntax: brackets, quotes, backslashes, `word+`, `word-`, `.swap(…)` and the like.
 */
export function parsePrompt(field: string, prompt: string): WeightedFragment[] {
  if (/[()"\\]|\S[+-]+(?=$|[\s,.;:!?])/u.test(prompt)) throw new NotSupportedYetError(field, 'weighting syntax')
  return [{ text: prompt.trim(), weight: 1 }]
}
