import type { FloatTensor } from '../session.js'

/** What text encoders make of one prompt. */
export type PromptConditioning = {
  /** [tokens, width] */
  embedding: FloatTensor
  /** The prompt as a whole; only of encoders with a projection (the second one of Stable Diffusion XL). */
  pooled?: Float32Array
}

/** A prompt and its negative, with embeddings of equal length. */
export type PromptPair = { positive: PromptConditioning; negative: PromptConditioning }

/** @throws InvalidArgumentsError for weighting syntax that says nothing, NotSupportedYetError for weights that the encoder cannot do. */
export type EncodePromptPair = (prompt: string, negativePrompt: string) => Promise<PromptPair>
