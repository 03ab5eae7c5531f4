import { Tokenizer } from '@huggingface/tokenizers'
import { hasModelFile, ModelFileError, type ModelFolder, readModelJson, readModelText } from '../modelFile.js'
import type { ChatTemplates } from './chatTemplate.js'

/** Turns text into the tokens of a language model, and back. */
export type TextTokenizer = {
  /** Tokens of a rendered prompt. As in the original, a beginning token is put before it even when the template has one already. */
  encode(text: string): number[]
  decode(tokens: readonly number[], options: { special: boolean }): string
  /** The tokenizer's end token, by which the original says that an answer is complete. */
  endId: number | undefined
  /** One more than the highest token number. */
  size: number
}

const FILE = 'tokenizer.json'
const CONFIG = 'tokenizer_config.json'

/**
 * Loads the tokenizer of a language model, and its chat templates.
 *
 * @throws ModelFileError
 */
export async function loadTextTokenizer(
  model: ModelFolder,
): Promise<{ tokenizer: TextTokenizer; templates: ChatTemplates }> {
  const config = await readModelJson(model, CONFIG)
  const definition = await readModelJson(model, FILE)
  let tokenizer: Tokenizer
  let size = 0
  try {
    tokenizer = new Tokenizer(definition, config)
    for (const id of tokenizer.get_vocab().values()) size = Math.max(size, id + 1)
  } catch (cause) {
    throw new ModelFileError(model, FILE, 'does not describe a tokenizer', cause)
  }
  const specialTokens = Object.fromEntries(
    SPECIAL.map((name) => [name, contentOf(config[name])]).filter(([, content]) => content !== undefined),
  )
  const end = specialTokens.eos_token
  return {
    tokenizer: {
      encode: (text) => tokenizer.encode(text).ids,
      decode: (tokens, { special }) =>
        tokens.length === 0
          ? ''
          : tokenizer.decode([...tokens], { skip_special_tokens: !special, clean_up_tokenization_spaces: false }),
      endId: end === undefined ? undefined : tokenizer.token_to_id(end),
      size,
    },
    templates: await loadTemplates(model, config, specialTokens),
  }
}

const SPECIAL = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'] as const

/** From a file of its own, as newer models have it, or from the tokenizer's configuration: one template, or several with names. */
async function loadTemplates(
  model: ModelFolder,
  config: Record<string, unknown>,
  specialTokens: Record<string, unknown>,
): Promise<ChatTemplates> {
  const own = 'chat_template.jinja'
  if (await hasModelFile(model, own))
    return { model, file: own, sources: new Map([['default', await readModelText(model, own)]]), specialTokens }
  const written = config.chat_template
  const sources = new Map<string, string>()
  if (typeof written === 'string') sources.set('default', written)
  for (const entry of Array.isArray(written) ? written : []) {
    if (typeof entry?.name === 'string' && typeof entry.template === 'string') sources.set(entry.name, entry.template)
  }
  if (sources.size === 0)
    throw new ModelFileError(model, CONFIG, 'has no chat_template: the model is not made for chats')
  return { model, file: CONFIG, sources, specialTokens }
}

/** Special tokens are written as a string, or as an object with the string in `content`. */
function contentOf(token: unknown): string | undefined {
  if (typeof token === 'string') return token
  if (typeof token === 'object' && token !== null && 'content' in token && typeof token.content === 'string')
    return token.content
  return undefined
}
