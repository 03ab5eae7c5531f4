import { addTokens } from '../adapters/textualInversion/addTokens.js'
import { readTextualInversion } from '../adapters/textualInversion/readTextualInversion.js'
import { hasModelFile, ModelFileError, type ModelFolder } from '../modelFile.js'
import type { FloatTensor, ModelSession, SessionStore } from '../session.js'
import { loadClipTokenizer } from './clipTokenizer.js'
import { makeWindows, type PromptEncoder } from './encodePrompt.js'

/** Which of a model's text encoders, and which of its layers is the embedding. */
export type TextEncoderPart = {
  tokenizer: 'tokenizer' | 'tokenizer_2'
  encoder: 'text_encoder' | 'text_encoder_2'
  /** The last layer, normalised, or the one before it as it is. */
  layer: 'last' | 'penultimate'
}

/** The encoder of Stable Diffusion 1.x and 2.x. Exports of 2.x leave the last layer out, so that their last one is the one wanted. */
export const ONLY_ENCODER: TextEncoderPart = { tokenizer: 'tokenizer', encoder: 'text_encoder', layer: 'last' }

/** The two encoders of Stable Diffusion XL. */
export const FIRST_OF_TWO: TextEncoderPart = { ...ONLY_ENCODER, layer: 'penultimate' }
export const SECOND_OF_TWO: TextEncoderPart = {
  tokenizer: 'tokenizer_2',
  encoder: 'text_encoder_2',
  layer: 'penultimate',
}

/** A prompt encoder that also sums a whole text up. */
export type PooledPromptEncoder = PromptEncoder & {
  /**
   * The projected embedding of a text, for encoders with a projection. The text is taken as it is, weighting syntax included, and cut
   * after one window: as Compel 2.0.3 does it.
   */
  encodePooled(text: string): Promise<Float32Array>
}

/**
 * Loads a tokenizer and its text encoder.
 *
 * @param textualInversion adds its words to the tokenizer; `sessions` must open the encoder with their vectors
 * @throws ModelFileError; encoding throws one for a weight below 1 where the encoder cannot hide tokens.
 */
export async function createPromptEncoder(
  model: ModelFolder,
  sessions: SessionStore,
  part: TextEncoderPart = ONLY_ENCODER,
  textualInversion?: ModelFolder,
): Promise<PooledPromptEncoder> {
  const ownTokenizer = await loadClipTokenizer(model, part.tokenizer)
  const tokenizer = textualInversion
    ? addTokens(ownTokenizer, { inversion: await readTextualInversion(textualInversion), model: textualInversion })
    : ownTokenizer
  const file = `${part.encoder}/model.onnx`
  /** The same encoder exported with a second input; some model folders carry it beside the plain one. */
  const maskedFile = `${part.encoder}/model_with_mask.onnx`
  const plain = await sessions.open(model, file)
  const embedding = part.layer === 'last' ? 'last_hidden_state' : penultimateLayer(model, file, plain)

  const masked = async (): Promise<ModelSession> => {
    if (plain.hasInput('attention_mask')) return plain
    if (await hasModelFile(model, maskedFile)) return sessions.open(model, maskedFile)
    throw new ModelFileError(
      model,
      file,
      'has no input attention_mask, which a weight below 1 in a prompt needs',
      undefined,
      `Use weights of 1 and more, or a model that has this input, or ${maskedFile} beside it.`,
    )
  }

  const run = async <Name extends string>(output: Name, ids: readonly number[], mask?: readonly number[]) => {
    const session = mask ? await masked() : plain
    const dims = [1, ids.length]
    const input = { input_ids: { data: ids, dims } }
    const feeds = session.hasInput('attention_mask')
      ? { ...input, attention_mask: { data: mask ?? ids.map(() => 1), dims } }
      : input
    const outputs = await session.run(feeds, [output])
    return outputs[output] as FloatTensor
  }

  return {
    tokenizer,
    async encodeWindow(ids, mask) {
      const hidden = await run(embedding, ids, mask)
      return { data: hidden.data, dims: hidden.dims.slice(1) }
    },
    async encodePooled(text) {
      const [window] = makeWindows(tokenizer, [{ text, weight: 1 }])
      return (await run('text_embeds', window?.ids ?? [])).data
    },
  }
}

/** The name of the output before the last of `hidden_states.0`, `hidden_states.1`, … */
function penultimateLayer(model: ModelFolder, file: string, { hasOutput }: ModelSession): string {
  let count = 0
  while (hasOutput(`hidden_states.${count}`)) count++
  if (count >= 2) return `hidden_states.${count - 2}`
  throw new ModelFileError(model, file, 'has no outputs hidden_states.N: export it with output_hidden_states')
}
