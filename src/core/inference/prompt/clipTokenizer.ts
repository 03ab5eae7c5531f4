import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Tokenizer } from '@huggingface/tokenizers'
import { hasModelFile, ModelFileError, type ModelFolder, readModelJson, readModelText } from '../modelFile.js'
import { cleanText } from './cleanText.js'

/** Turns text into the token ids of a CLIP text encoder. */
export type ClipTokenizer = {
  /** Ids of a text, without start, end and padding. */
  encode(text: string): number[]
  startId: number
  endId: number
  paddingId: number
  /** Tokens per window of the encoder, start and end included: 77. */
  windowLength: number
  /** How many tokens there are, those that were added included; an added one gets this id. */
  vocabularySize: number
  /** Whether a token stands in the vocabulary as it is written. */
  knows(token: string): boolean
}

/** Tokenizers of the last tasks: a vocabulary of 49,000 tokens takes longer to read than a prompt to encode. */
const remembered = new Map<string, Promise<ClipTokenizer>>()
const MAXIMUM_REMEMBERED = 4

/**
 * Loads the tokenizer of a CLIP text encoder from its `tokenizer.json`, or from `vocab.json` and `merges.txt`; remembers it until one
 * of its files changes.
 *
 * @param folder the tokenizer's folder inside the model, e.g. `tokenizer`.
 * @throws ModelFileError
 */
export async function loadClipTokenizer(model: ModelFolder, folder: string): Promise<ClipTokenizer> {
  const key = await stampOf(join(model.path, folder))
  const known = remembered.get(key)
  const tokenizer = known ?? readClipTokenizer(model, folder)
  // Re-inserted, so that the map's order is by last use.
  remembered.delete(key)
  remembered.set(key, tokenizer)
  tokenizer.catch(() => remembered.delete(key))
  for (const oldest of remembered.keys()) {
    if (remembered.size <= MAXIMUM_REMEMBERED) break
    remembered.delete(oldest)
  }
  return tokenizer
}

/** Says which state the files of a tokenizer are in. */
async function stampOf(folder: string): Promise<string> {
  const names = ['tokenizer_config.json', 'tokenizer.json', 'vocab.json', 'merges.txt']
  const stamps = names.map((name) =>
    stat(join(folder, name)).then(
      ({ mtimeMs, size }) => `${mtimeMs} ${size}`,
      () => 'none',
    ),
  )
  return [folder, ...(await Promise.all(stamps))].join('\n')
}

async function readClipTokenizer(model: ModelFolder, folder: string): Promise<ClipTokenizer> {
  const config = await readModelJson(model, `${folder}/tokenizer_config.json`)
  const file = (await hasModelFile(model, `${folder}/tokenizer.json`))
    ? `${folder}/tokenizer.json`
    : `${folder}/vocab.json`
  const definition = file.endsWith('tokenizer.json')
    ? await readModelJson(model, file)
    : await fromVocabulary(model, folder, config)
  let tokenizer: Tokenizer
  try {
    tokenizer = new Tokenizer(definition, config)
  } catch (cause) {
    throw new ModelFileError(model, file, 'does not describe a tokenizer', cause)
  }
  const idOf = (name: string, fallback: string): number => {
    const id = tokenizer.token_to_id(tokenContent(config[name]) ?? fallback)
    if (id === undefined)
      throw new ModelFileError(model, `${folder}/tokenizer_config.json`, `names a ${name} that the vocabulary lacks`)
    return id
  }
  const length = config.model_max_length
  return {
    encode: (text) => tokenizer.encode(cleanText(text), { add_special_tokens: false }).ids,
    startId: idOf('bos_token', START),
    endId: idOf('eos_token', END),
    paddingId: idOf('pad_token', END),
    vocabularySize: tokenizer.get_vocab(true).size,
    knows: (token) => tokenizer.token_to_id(token) !== undefined,
    windowLength: typeof length === 'number' && length >= 3 && length <= 1024 ? length : 77,
  }
}

const START = '<|startoftext|>'
const END = '<|endoftext|>'

/** CLIP's way of splitting a text into words, before byte-pair encoding. */
const WORDS = String.raw`<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`

/** A `tokenizer.json` for older model folders, which have only the vocabulary and the list of merges. */
async function fromVocabulary(model: ModelFolder, folder: string, config: Record<string, unknown>): Promise<object> {
  const vocab = await readModelJson(model, `${folder}/vocab.json`)
  const lines = (await readModelText(model, `${folder}/merges.txt`)).split('\n')
  const merges = lines.filter((line) => line.trim() !== '' && !line.startsWith('#version'))
  const special = [...new Set([START, END, tokenContent(config.bos_token), tokenContent(config.eos_token)])]
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special
      .filter((content) => content !== undefined && typeof vocab[content] === 'number')
      .map((content) => ({
        id: vocab[content as string],
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      })),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: WORDS }, behavior: 'Removed', invert: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: null,
    decoder: null,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: tokenContent(config.unk_token) ?? END,
      continuing_subword_prefix: '',
      end_of_word_suffix: '</w>',
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges,
    },
  }
}

/** Special tokens are written as a string, or as an object with the string in `content`. */
function tokenContent(token: unknown): string | undefined {
  if (typeof token === 'string') return token
  if (typeof token === 'object' && token !== null && 'content' in token && typeof token.content === 'string')
    return token.content
  return undefined
}
