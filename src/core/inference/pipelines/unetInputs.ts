import type { PromptConditioning, PromptPair } from '../prompt/promptConditioning.js'
import type { Feed, FloatTensor } from '../session.js'
import { stack } from './batch.js'

/** What the UNet is told about prompt and size, the same at every step. */
export type UnetInputs = { embeddings: FloatTensor; conditions: Record<string, Feed> }

/**
 * Lays out the prompts as a batch: negative and positive when guided, else positive alone.
 *
 * @param timeIds of Stable Diffusion XL, for each of the two
 */
export function unetInputs(
  prompts: PromptPair,
  guided: boolean,
  timeIds?: Record<keyof PromptPair, readonly number[]>,
): UnetInputs {
  const members = guided ? (['negative', 'positive'] as const) : (['positive'] as const)
  const given = members.map((member) => prompts[member])
  const embeddings = stack(given.map(({ embedding }) => embedding))
  if (!timeIds) return { embeddings, conditions: {} }
  const ids = members.flatMap((member) => timeIds[member])
  return {
    embeddings,
    conditions: {
      text_embeds: stack(given.map(pooledTensor)),
      time_ids: { data: ids, dims: [members.length, ids.length / members.length] },
    },
  }
}

const pooledTensor = ({ pooled = new Float32Array() }: PromptConditioning): FloatTensor => ({
  data: pooled,
  dims: [pooled.length],
})
