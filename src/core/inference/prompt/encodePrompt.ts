import type { FloatTensor } from '../session.js'
import type { ClipTokenizer } from './clipTokenizer.js'
import type { WeightedFragment } from './parsedPrompt.js'

/** Runs a text encoder on one window of token ids; `mask` (0 hides a token) is given only when something is to be hidden. */
export type EncodeWindow = (ids: readonly number[], mask?: readonly number[]) => Promise<FloatTensor>

export type PromptEncoder = {
  tokenizer: Pick<ClipTokenizer, 'encode' | 'startId' | 'endId' | 'paddingId' | 'windowLength'>
  encodeWindow: EncodeWindow
}

/**
 * Encodes weighted fragments into one embedding [tokens, dimension], tokens being a multiple of the window length.
 *
 * As Compel 2.0.3 without truncation: windows of 75 tokens, each with start and end marker and padded to 77, are encoded and concatenated;
 * a token's weight scales its distance from the embedding of the empty prompt; a weight below 1 also blends with an encoding in which
 * the fragment's tokens are hidden, by tan((1 − weight)·π/2).
 */
export async function encodeFragments(
  encoder: PromptEncoder,
  fragments: readonly WeightedFragment[],
): Promise<FloatTensor> {
  const windows = makeWindows(encoder.tokenizer, fragments)
  const empty = await encoder.encodeWindow(emptyWindow(encoder.tokenizer))
  const base = await encodeWindows(encoder, windows, empty)
  const parts = [{ embedding: base, weight: 1 }]
  for (const [index, { weight }] of fragments.entries()) {
    const hidden = (owner: number) => owner === index
    if (weight >= 1 || !windows.some(({ owners }) => owners.some(hidden))) continue
    const masked = await encodeWindows(encoder, windows, empty, hidden)
    parts.push({ embedding: masked, weight: Math.tan(((1 - Math.max(1e-5, weight)) * Math.PI) / 2) })
  }
  return parts.length === 1 ? base : blendEmbeddings(parts, true)
}

/** The embedding of the empty prompt: what shorter embeddings are padded with, one window at a time. */
export async function padToSameLength(
  encoder: PromptEncoder,
  embeddings: readonly FloatTensor[],
): Promise<FloatTensor[]> {
  const longest = Math.max(...embeddings.map(({ dims }) => dims[0] ?? 0))
  if (embeddings.every(({ dims }) => dims[0] === longest)) return [...embeddings]
  const empty = await encodeFragments(encoder, [{ text: '', weight: 1 }])
  return embeddings.map((embedding) => {
    const missing = (longest - (embedding.dims[0] ?? 0)) / (empty.dims[0] ?? 1)
    return concatEmbeddings([embedding, ...Array.from({ length: missing }, () => empty)])
  })
}

/** Embeddings one after the other, along the tokens. */
export function concatEmbeddings(embeddings: readonly FloatTensor[]): FloatTensor {
  const width = embeddings[0]?.dims[1] ?? 0
  const data = new Float32Array(embeddings.reduce((sum, each) => sum + each.data.length, 0))
  let offset = 0
  for (const each of embeddings) {
    data.set(each.data, offset)
    offset += each.data.length
  }
  return { data, dims: [data.length / Math.max(1, width), width] }
}

/** Weighted sum of equally long embeddings in float32; `normalize` divides the weights by their sum. */
export function blendEmbeddings(
  parts: readonly { embedding: FloatTensor; weight: number }[],
  normalize: boolean,
): FloatTensor {
  const weights = Float32Array.from(parts, ({ weight }) => weight)
  const sum = Math.fround(weights.reduce((total, weight) => total + weight, 0))
  const first = parts[0]?.embedding ?? { data: new Float32Array(), dims: [0, 0] }
  const data = new Float32Array(first.data.length)
  for (const [index, { embedding }] of parts.entries()) {
    const weight = normalize ? Math.fround((weights[index] ?? 0) / sum) : (weights[index] ?? 0)
    for (let k = 0; k < data.length; k++) data[k] = (data[k] ?? 0) + Math.fround((embedding.data[k] ?? 0) * weight)
  }
  return { data, dims: first.dims }
}

/** One window: ids, the weight of each token, and which fragment each token came from (−1 for markers and padding). */
export type TokenWindow = { ids: number[]; weights: number[]; owners: number[] }

/** Cuts the tokens of the fragments into windows with markers and padding. */
export function makeWindows(
  tokenizer: PromptEncoder['tokenizer'],
  fragments: readonly WeightedFragment[],
): TokenWindow[] {
  const { startId, endId, paddingId, windowLength } = tokenizer
  const tokens = fragments.flatMap(({ text, weight }, owner) =>
    tokenizer.encode(text).map((id) => ({ id, weight, owner })),
  )
  const room = windowLength - 2
  const windows: TokenWindow[] = []
  for (let start = 0; start === 0 || start < tokens.length; start += room) {
    const part = tokens.slice(start, start + room)
    const padding = room - part.length
    const plain = <T>(value: T) => Array.from({ length: padding }, () => value)
    windows.push({
      ids: [startId, ...part.map(({ id }) => id), endId, ...plain(paddingId)],
      weights: [1, ...part.map(({ weight }) => weight), 1, ...plain(1)],
      owners: [-1, ...part.map(({ owner }) => owner), -1, ...plain(-1)],
    })
  }
  return windows
}

const emptyWindow = (tokenizer: PromptEncoder['tokenizer']): number[] => makeWindows(tokenizer, [])[0]?.ids ?? []

async function encodeWindows(
  { encodeWindow }: PromptEncoder,
  windows: readonly TokenWindow[],
  empty: FloatTensor,
  hidden?: (owner: number) => boolean,
): Promise<FloatTensor> {
  const encoded: FloatTensor[] = []
  for (const { ids, weights, owners } of windows) {
    const mask = hidden && owners.some(hidden) ? owners.map((owner) => (hidden(owner) ? 0 : 1)) : undefined
    encoded.push(applyWeights(await encodeWindow(ids, mask), empty, weights))
  }
  return concatEmbeddings(encoded)
}

/** empty + (embedding − empty) · weight, rounded after each operation as in the original. */
function applyWeights(embedding: FloatTensor, empty: FloatTensor, weights: readonly number[]): FloatTensor {
  const width = embedding.dims[1] ?? 1
  const { fround } = Math
  const data = embedding.data.map((value, index) => {
    const origin = empty.data[index] ?? 0
    return fround(origin + fround(fround(value - origin) * fround(weights[Math.floor(index / width)] ?? 1)))
  })
  return { data, dims: embedding.dims }
}
