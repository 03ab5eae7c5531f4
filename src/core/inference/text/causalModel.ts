import { ModelFileError, type ModelFolder } from '../modelFile.js'
import type { Feed, KeptTensor, ModelSession } from '../session.js'

/** Where a sequence stands: what the network says about the next token, and what it remembers of all tokens so far. */
export type CausalState = {
  /** One value for each token of the vocabulary. Do not write into it: sequences share states. */
  logits: Float32Array
  /** Keys and values of all layers; a state may be continued several times. */
  memory: readonly KeptTensor[]
  /** Tokens so far. */
  length: number
}

/**
 * A causal language model in the layout of transformers.js. Sequences are run one at a time (batch 1), also those of a beam search:
 * the batch size changes the last bits of the results, and states can be shared without copies.
 */
export type CausalModel = {
  /** Reads the prompt. */
  start(tokens: readonly number[]): Promise<CausalState>
  /** Adds one token to a sequence. */
  extend(state: CausalState, token: number): Promise<CausalState>
}

const MEMORY_INPUT = /^past_key_values\.(\d+)\.(key|value)$/

/**
 * Wraps a decoder with `input_ids`, `attention_mask`, `position_ids`, `past_key_values.N.key|value` → `logits`, `present.N.key|value`.
 *
 * @throws ModelFileError when the graph has no memory, or declares it without sizes.
 */
export function createCausalModel(model: ModelFolder, session: ModelSession): CausalModel {
  const remembered = session.inputs.filter(({ name }) => MEMORY_INPUT.test(name))
  if (remembered.length === 0)
    throw new ModelFileError(model, session.file, 'has no past_key_values inputs: it is no decoder with a KV cache')
  const empty = new Map<string, Feed>()
  for (const { name, shape } of remembered) {
    const [, heads, , size] = shape
    if (shape.length !== 4 || typeof heads !== 'number' || typeof size !== 'number' || heads < 1 || size < 1)
      throw new ModelFileError(model, session.file, `does not declare the heads and their size for '${name}'`)
    empty.set(name, { data: [], dims: [1, heads, 0, size] })
  }
  const kept = remembered.map(({ name }) => name.replace(MEMORY_INPUT, 'present.$1.$2'))

  async function run(tokens: readonly number[], past: number, memory: readonly KeptTensor[]): Promise<CausalState> {
    const dims = [1, tokens.length]
    const length = past + tokens.length
    const feeds: Record<string, Feed | KeptTensor> = { input_ids: { data: tokens, dims } }
    if (session.hasInput('attention_mask'))
      feeds.attention_mask = { data: new Float32Array(length).fill(1), dims: [1, length] }
    if (session.hasInput('position_ids')) feeds.position_ids = { data: tokens.map((_, index) => past + index), dims }
    // Newer exports compute only the last rows of the logits when asked to.
    if (session.hasInput('num_logits_to_keep')) feeds.num_logits_to_keep = { data: [1], dims: [] }
    for (const [index, { name }] of remembered.entries()) feeds[name] = memory[index] ?? (empty.get(name) as Feed)
    const { outputs, kept: present } = await session.runKeeping(feeds, ['logits'], kept)
    const { data, dims: shape } = outputs.logits
    const vocabulary = shape.at(-1) ?? 0
    if (shape.length !== 3 || vocabulary < 1 || data.length < vocabulary)
      throw new ModelFileError(model, session.file, 'gives logits of another shape than [1, tokens, vocabulary]')
    const logits = data.subarray(data.length - vocabulary)
    // Weights that overflow in half precision, or a damaged file.
    if (logits.includes(Number.NaN)) throw new ModelFileError(model, session.file, 'gives logits that are no numbers')
    return { logits, memory: present, length }
  }

  return {
    start: (tokens) => run(tokens, 0, []),
    extend: ({ memory, length }, token) => run([token], length, memory),
  }
}
