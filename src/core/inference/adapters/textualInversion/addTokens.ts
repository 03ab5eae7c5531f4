import type { ModelFolder } from '../../modelFile.js'
import { ModelMismatchError } from '../../pipelines/modelMismatchError.js'
import type { ClipTokenizer } from '../../prompt/clipTokenizer.js'
import { printable } from '../lora/loraError.js'
import type { TextualInversion } from './readTextualInversion.js'

/**
 * A tokenizer that knows the words of a textual inversion, behind all its own: their ids are `vocabularySize`, + 1, …
 *
 * As tokens added to the original's tokenizer: found in the text as it is written, in the middle of other words too, the longest first;
 * what stands between them is cut into tokens by itself.
 *
 * @throws ModelMismatchError when a word is in the vocabulary already
 */
export function addTokens(
  tokenizer: ClipTokenizer,
  { inversion: { file, tokens }, model }: { inversion: TextualInversion; model: ModelFolder },
): ClipTokenizer {
  const { vocabularySize } = tokenizer
  const known = tokens.find((token) => tokenizer.knows(token))
  if (known !== undefined) {
    throw new ModelMismatchError(
      'textual_inversion',
      model,
      `has the word '${printable(known)}' in ${file}, which the base model's tokenizer has already`,
    )
  }
  const ids = new Map(tokens.map((token, index) => [token, vocabularySize + index]))
  const alternatives = [...tokens].sort((a, b) => b.length - a.length).map(escapePattern)
  const splitter = new RegExp(`(${alternatives.join('|')})`, 'u')
  return {
    ...tokenizer,
    vocabularySize: vocabularySize + tokens.length,
    knows: (token) => ids.has(token) || tokenizer.knows(token),
    encode(text) {
      return text.split(splitter).flatMap((part) => {
        const id = ids.get(part)
        if (id !== undefined) return [id]
        return part === '' ? [] : tokenizer.encode(part)
      })
    },
  }
}

const escapePattern = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
