import { InvalidArgumentsError } from '../../task/arguments.js'
import type { FloatTensor } from '../session.js'
import {
  blendEmbeddings,
  concatEmbeddings,
  encodeFragments,
  type PromptEncoder,
  padToSameLength,
} from './encodePrompt.js'
import type { BlendedPrompts, FlatPrompt } from './parsedPrompt.js'
import { parsePrompt } from './parsePrompt.js'

/**
 * Encodes a prompt and its negative into embeddings [tokens, dimension] of equal length.
 *
 * @throws InvalidArgumentsError for weighting syntax that says nothing, NotSupportedYetError for weights that the encoder cannot do.
 */
export async function encodePrompts(
  encoder: PromptEncoder,
  prompt: string,
  negativePrompt: string,
): Promise<[FloatTensor, FloatTensor]> {
  const positive = await encodeText(encoder, 'prompt', prompt)
  const negative = await encodeText(encoder, 'negative_prompt', negativePrompt)
  const [first = positive, second = negative] = await padToSameLength(encoder, [positive, negative])
  return [first, second]
}

async function encodeText(encoder: PromptEncoder, field: string, text: string): Promise<FloatTensor> {
  const parts = parsePrompt(text)
  if (!parts) {
    throw new InvalidArgumentsError(`field ${field} has weighting syntax that cannot be read`, {
      remedy: 'Check brackets and the number of weights; write \\( and \\) for brackets that are text.',
      details: { field },
    })
  }
  const embeddings: FloatTensor[] = []
  for (const { prompt, weight } of parts) {
    const embedding = 'prompts' in prompt ? await encodeBlend(encoder, prompt) : await encodeFlat(encoder, prompt)
    embeddings.push(weight === 1 ? embedding : await weighted(encoder, embedding, weight))
  }
  return concatEmbeddings(embeddings)
}

/** A part of `.and(…)`: its weight scales the distance from the empty prompt, below 1 as well. */
async function weighted(encoder: PromptEncoder, embedding: FloatTensor, weight: number): Promise<FloatTensor> {
  const { data: empty } = await encodeFragments(encoder, [])
  const data = embedding.data.map((value, index) => {
    const origin = empty[index % empty.length] ?? 0
    return origin + Math.fround((value - origin) * weight)
  })
  return { data, dims: embedding.dims }
}

async function encodeBlend(
  encoder: PromptEncoder,
  { prompts, weights, normalize }: BlendedPrompts,
): Promise<FloatTensor> {
  const embeddings: FloatTensor[] = []
  for (const prompt of prompts) embeddings.push(await encodeFlat(encoder, prompt))
  const padded = await padToSameLength(encoder, embeddings)
  return blendEmbeddings(
    padded.map((embedding, index) => ({ embedding, weight: weights[index] ?? 1 })),
    normalize,
  )
}

/** Swapping words needs control over the cross attention, which the task flow does not use: only the length of the edit shows. */
async function encodeFlat(encoder: PromptEncoder, prompt: FlatPrompt): Promise<FloatTensor> {
  const original = await encodeFragments(
    encoder,
    prompt.flatMap((part) => ('edited' in part ? part.original : [part])),
  )
  if (!prompt.some((part) => 'edited' in part)) return original
  const edited = await encodeFragments(
    encoder,
    prompt.flatMap((part) => ('edited' in part ? part.edited : [part])),
  )
  const [padded = original] = await padToSameLength(encoder, [original, edited])
  return padded
}
