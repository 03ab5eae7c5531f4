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
  const encode = async ({ ids, weights }: TokenWindow, mask?: number[]) =>
    applyWeights(await encoder.encodeWindow(ids, mask), empty, weights)
  const plain: FloatTensor[] = []
  for (const window of windows) plain.push(await encode(window))

  const tokens = new Set(windows.flatMap(({ owners }) => owners))
  const lowered = [...fragments.keys()].filter((index) => (fragments[index]?.weight ?? 1) < 1 && tokens.has(index))
  if (lowered.length === 0) return concatEmbeddings(plain)
  const shares = normalized([1, ...lowered.map((index) => hiddenShare(fragments[index]?.weight ?? 1))])
  // Summed up one by one: a hostile prompt may have thousands of fragments.
  const sum = concatEmbeddings(plain.map((embedding) => scaled(embedding, shares[0] ?? 1)))
  for (const [at, index] of lowered.entries()) {
    const masked: FloatTensor[] = []
    for (const [number, window] of windows.entries()) {
      const hides = window.owners.includes(index)
      const mask = window.owners.map((owner) => (owner === index ? 0 : 1))
      masked.push(hides ? await encode(window, mask) : (plain[number] ?? empty))
    }
    addScaled(sum.data, concatEmbeddings(masked).data, shares[at + 1] ?? 0)
  }
  return sum
}

/** Share of the encoding without a fragment, before normalisation: 0 at weight 1, without bound at weight 0. */
const hiddenShare = (weight: number): number => Math.tan(((1 - Math.max(1e-5, weight)) * Math.PI) / 2)

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
  const given = parts.map(({ weight }) => weight)
  const weights = normalize ? normalized(given) : Float32Array.from(given)
  const first = parts[0]?.embedding ?? { data: new Float32Array(), dims: [0, 0] }
  const data = new Float32Array(first.data.length)
  for (const [index, { embedding }] of parts.entries()) addScaled(data, embedding.data, weights[index] ?? 0)
  return { data, dims: first.dims }
}

/** Weights divided by their sum, in float32. */
function normalized(weights: readonly number[]): Float32Array {
  const single = Float32Array.from(weights)
  const sum = Math.fround(single.reduce((total, weight) => Math.fround(total + weight), 0))
  return single.map((weight) => weight / sum)
}

const scaled = ({ data, dims }: FloatTensor, factor: number): FloatTensor => ({
  data: data.map((value) => value * factor),
  dims,
})

function addScaled(sum: Float32Array, data: Float32Array, factor: number): void {
  for (let index = 0; index < sum.length; index++) {
    sum[index] = (sum[index] ?? 0) + Math.fround((data[index] ?? 0) * factor)
  }
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
