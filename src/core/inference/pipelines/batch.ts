import type { FloatTensor } from '../session.js'

/** The same values several times over, for each member of a batch. */
export function repeat(data: Float32Array, times: number): Float32Array {
  const repeated = new Float32Array(data.length * times)
  for (let index = 0; index < times; index++) repeated.set(data, index * data.length)
  return repeated
}

/** Equally long embeddings [tokens, dimension] → [batch, tokens, dimension]. */
export function stack(embeddings: readonly FloatTensor[]): FloatTensor {
  const size = embeddings[0]?.data.length ?? 0
  const data = new Float32Array(size * embeddings.length)
  for (const [index, each] of embeddings.entries()) data.set(each.data, index * size)
  return { data, dims: [embeddings.length, ...(embeddings[0]?.dims ?? [])] }
}
