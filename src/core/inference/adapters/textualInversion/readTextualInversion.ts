import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { hasModelFile, ModelFileError, type ModelFolder } from '../../modelFile.js'
import type { FloatTensor } from '../../session.js'
import { readSafetensors } from '../safetensors.js'
import { readStoredZip, StoredZipError } from './storedZip.js'
import { type PickledValue, readTorchPickle, TorchPickleError } from './torchPickle.js'

/** Words that were learned, with their embeddings. */
export type TextualInversion = {
  /** Path inside the model's folder. */
  file: string
  /** The word itself, and for further vectors the word with `_1`, `_2`, …: nothing puts these into a prompt by itself. */
  tokens: readonly string[]
  /** [tokens, width] */
  vectors: FloatTensor
}

/** An embedding has kilobytes. */
const MAXIMUM_PICKLE_BYTES = 64 * 1024 * 1024
const MAXIMUM_VECTORS = 1024
const LONGEST_TOKEN = 256

/**
 * Reads a textual inversion: R. Gal et al., "An image is worth one word", 2022.
 *
 * As `load_textual_inversion` of diffusers 0.32.1: `learned_embeds.safetensors` or `learned_embeds.bin`, else the folder's only
 * `.safetensors`, `.bin` or `.pt`; one entry whose name is the word, or the layout of AUTOMATIC1111 (`name`, `string_to_param`).
 *
 * @throws ModelFileError
 */
export async function readTextualInversion(model: ModelFolder): Promise<TextualInversion> {
  const file = await chooseFile(model)
  const { token, vectors } = file.endsWith('.safetensors')
    ? await fromSafetensors(model, file)
    : await fromPickle(model, file)
  const refuse = (complaint: string) => new ModelFileError(model, file, complaint)
  const [count = 1, width = 0] = vectors.dims.length === 1 ? [1, ...vectors.dims] : vectors.dims
  if (vectors.dims.length < 1 || vectors.dims.length > 2 || count < 1 || width < 1) {
    throw refuse(`has an embedding of shape [${vectors.dims.join(', ')}], must be [width] or [vectors, width]`)
  }
  if (count > MAXIMUM_VECTORS) throw refuse(`has ${count} vectors, must be at most ${MAXIMUM_VECTORS}`)
  if (!vectors.data.every(Number.isFinite)) throw refuse('has numbers that are not finite')
  if (token.trim() === '' || token.length > LONGEST_TOKEN) {
    throw refuse(`has a word of ${token.length} characters, must be 1…${LONGEST_TOKEN}`)
  }
  const tokens = Array.from({ length: count }, (_, index) => (index === 0 ? token : `${token}_${index}`))
  return { file, tokens, vectors: { data: vectors.data, dims: [count, width] } }
}

async function chooseFile(model: ModelFolder): Promise<string> {
  for (const name of ['learned_embeds.safetensors', 'learned_embeds.bin']) {
    if (await hasModelFile(model, name)) return name
  }
  const names = (await readdir(model.path).catch(() => [])).sort()
  for (const ending of [/\.safetensors$/, /\.(?:bin|pt)$/]) {
    const found = names.filter((name) => ending.test(name))
    if (found.length > 1) {
      throw new ModelFileError(
        model,
        'learned_embeds.safetensors',
        'is missing, and there are several files in its place',
        undefined,
        'Keep one of them in the folder, or give the one that is wanted this name.',
      )
    }
    if (found[0] !== undefined) return found[0]
  }
  throw new ModelFileError(model, 'learned_embeds.safetensors', 'is missing')
}

type Learned = { token: string; vectors: FloatTensor }

async function fromSafetensors(model: ModelFolder, file: string): Promise<Learned> {
  const { entries, tensor } = await readSafetensors(model, file)
  const [token, ...more] = entries.keys()
  if (token === undefined || more.length > 0) throw new ModelFileError(model, file, notOne(entries.size))
  return { token, vectors: await tensor(token) }
}

async function fromPickle(model: ModelFolder, file: string): Promise<Learned> {
  const path = join(model.path, file)
  const refuse = (complaint: string, cause?: unknown) => new ModelFileError(model, file, complaint, cause)
  const { size } = await stat(path).catch((cause: unknown) => {
    throw refuse('is missing', cause)
  })
  if (size > MAXIMUM_PICKLE_BYTES) throw refuse(`has ${size} bytes, must be at most ${MAXIMUM_PICKLE_BYTES}`)
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw refuse('cannot be read', cause)
  })
  let value: PickledValue
  try {
    value = readTorchPickle(readStoredZip(bytes))
  } catch (cause) {
    if (cause instanceof StoredZipError || cause instanceof TorchPickleError) throw refuse(cause.message, cause)
    throw cause
  }
  if (!(value instanceof Map)) throw refuse('holds no dictionary')
  const [first, ...more] = value
  if (first && more.length === 0) {
    const [token, vectors] = first
    if (isTensor(vectors)) return { token, vectors }
    throw refuse('holds no tensor')
  }
  const parameters = value.get('string_to_param')
  if (!(parameters instanceof Map)) throw refuse(notOne(value.size))
  const name = value.get('name')
  const vectors = parameters.get('*')
  if (typeof name !== 'string' || !isTensor(vectors))
    throw refuse("lacks 'name' or the tensor '*' of 'string_to_param'")
  return { token: name, vectors }
}

const notOne = (count: number): string =>
  `has ${count} entries, must have one, whose name is the word, or 'string_to_param'; embeddings for two text encoders are not supported`

const isTensor = (value: PickledValue | undefined): value is FloatTensor =>
  typeof value === 'object' && value !== null && 'dims' in value
