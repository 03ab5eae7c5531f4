import type { FloatTensor } from '../session.js'
import { encodeFragments, type PromptEncoder, padToSameLength } from './encodePrompt.js'
import { parsePrompt } from './parsePrompt.js'

/**
 * Encodes a prompt and its negative into embeddings [tokens, dimension] of equal length.
 *
 * @throws NotSupportedYetError for weighting syntax that is not understood here.
 */
export async function encodePrompts(
  encoder: PromptEncoder,
  prompt: string,
  negativePrompt: string,
): Promise<[FloatTensor, FloatTensor]> {
  const positive = await encodeFragments(encoder, parsePrompt('prompt', prompt))
  const negative = await encodeFragments(encoder, parsePrompt('negative_prompt', negativePrompt))
  const [first = positive, second = negative] = await padToSameLength(encoder, [positive, negative])
  return [first, second]
}
