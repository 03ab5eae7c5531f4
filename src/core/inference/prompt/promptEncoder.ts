import { hasModelFile, type ModelFolder } from '../modelFile.js'
import { NotSupportedYetError } from '../notSupportedYet.js'
import type { ModelSession, SessionStore } from '../session.js'
import { loadClipTokenizer } from './clipTokenizer.js'
import type { PromptEncoder } from './encodePrompt.js'

/** The same encoder exported with a second input; some model folders carry it beside the plain one. */
const MASKED = 'text_encoder/model_with_mask.onnx'

/**
 * Loads the tokenizer and text encoder of a Stable Diffusion 1.x/2.x model.
 *
 * @throws ModelFileError; encoding throws NotSupportedYetError for a weight below 1 where the encoder cannot hide tokens.
 */
export async function createPromptEncoder(model: ModelFolder, sessions: SessionStore): Promise<PromptEncoder> {
  const tokenizer = await loadClipTokenizer(model, 'tokenizer')
  const plain = await sessions.open(model, 'text_encoder/model.onnx')

  const masked = async (): Promise<ModelSession> => {
    if (plain.hasInput('attention_mask')) return plain
    if (await hasModelFile(model, MASKED)) return sessions.open(model, MASKED)
    throw new NotSupportedYetError(
      'prompt',
      'a weight below 1, for which the text encoder must have an attention_mask input',
    )
  }

  return {
    tokenizer,
    async encodeWindow(ids, mask) {
      const session = mask ? await masked() : plain
      const dims = [1, ids.length]
      const input = { input_ids: { data: ids, dims } }
      const feeds = session.hasInput('attention_mask')
        ? { ...input, attention_mask: { data: mask ?? ids.map(() => 1), dims } }
        : input
      const { last_hidden_state: hidden } = await session.run(feeds, ['last_hidden_state'])
      return { data: hidden.data, dims: hidden.dims.slice(1) }
    },
  }
}
