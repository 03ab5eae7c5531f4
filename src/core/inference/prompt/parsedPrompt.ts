/** A stretch of a prompt with one weight; 1 is plain text. */
export type WeightedFragment = { text: string; weight: number }

/** `word.swap(other)`: only the original is encoded, padded to the length of what replaces it. */
export type SwappedFragments = { original: WeightedFragment[]; edited: WeightedFragment[] }

/** One line of text with weights, in order. */
export type FlatPrompt = (WeightedFragment | SwappedFragments)[]

/** `("a", "b").blend(0.7, 0.3)`: a weighted mean of embeddings, or a plain weighted sum. */
export type BlendedPrompts = { prompts: FlatPrompt[]; weights: number[]; normalize: boolean }

/** A prompt with its weighting syntax resolved. More than one part comes from `.and()`. */
export type ParsedPrompt = { prompt: FlatPrompt | BlendedPrompts; weight: number }[]
