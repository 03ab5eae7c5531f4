import { type FileHandle, open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { float16ToFloat32 } from '../float16.js'
import { ModelFileError, type ModelFolder } from '../modelFile.js'
import type { FloatTensor } from '../session.js'

/** The format allows 100 MB; the header of a whole Stable Diffusion XL model has 0.3 MB. */
const MAXIMUM_HEADER_BYTES = 16 * 1024 * 1024
const MAXIMUM_RANK = 8
/** Bytes that one read asks for; the system's limit is 2 GiB. */
const READ_BYTES = 1 << 30

/** Bytes of an element, for every type that the format knows. */
const ELEMENT_BYTES: ReadonlyMap<string, number> = new Map([
  ...(['BOOL', 'U8', 'I8', 'F8_E4M3', 'F8_E5M2'] as const).map((type) => [type, 1] as const),
  ...(['U16', 'I16', 'F16', 'BF16'] as const).map((type) => [type, 2] as const),
  ...(['U32', 'I32', 'F32'] as const).map((type) => [type, 4] as const),
  ...(['U64', 'I64', 'F64'] as const).map((type) => [type, 8] as const),
])

/** What the header says of a tensor. */
export type SafetensorsEntry = { dtype: string; dims: readonly number[]; bytes: number }

/** The checked header of a safetensors file, and its tensors on demand. */
export type Safetensors = {
  /** Path inside the model's folder, for messages. */
  file: string
  /** The texts of `__metadata__`. */
  metadata: ReadonlyMap<string, string>
  /** In the order of the header. */
  entries: ReadonlyMap<string, SafetensorsEntry>
  /**
   * Reads one tensor from the file, widened to float32.
   *
   * @throws ModelFileError when there is none of this name, when it is not F32, F16 or BF16, or when the file has changed since.
   */
  tensor(name: string): Promise<FloatTensor>
}

/**
 * Reads and checks the header of a safetensors file; no tensor is read before it is asked for.
 *
 * The format: 8 bytes little endian header length, a JSON header, the data; see the documentation of huggingface/safetensors. As there,
 * the tensors must cover the data exactly, without holes or overlaps.
 *
 * @param file path inside the model's folder, with `/`; it may come from the task's arguments.
 * @throws ModelFileError when it is missing or breaks the format.
 */
export async function readSafetensors(model: ModelFolder, file: string): Promise<Safetensors> {
  const path = join(model.path, file)
  const refuse = (complaint: string, cause?: unknown): ModelFileError =>
    new ModelFileError(model, file, complaint, cause)
  if (!staysInside(file)) throw refuse('is not a path inside the model')

  /** Opens the file; it must be the one that was opened before, if any. */
  const withFile = async <T>(use: (handle: FileHandle, size: number, stamp: string) => Promise<T>): Promise<T> => {
    // Asked first, since opening a pipe would wait for its other end.
    const found = await stat(path).catch((cause: unknown) => {
      throw refuse('is missing', cause)
    })
    if (!found.isFile()) throw refuse('is not a file')
    const handle = await open(path, 'r').catch((cause: unknown) => {
      throw refuse('cannot be read', cause)
    })
    try {
      const { size, mtimeMs, ino } = await handle.stat()
      return await use(handle, size, `${size} ${mtimeMs} ${ino}`)
    } finally {
      await handle.close()
    }
  }
  const readBytes = async (handle: FileHandle, bytes: Uint8Array, start: number): Promise<void> => {
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await handle
        .read(bytes, done, Math.min(bytes.length - done, READ_BYTES), start + done)
        .catch((cause: unknown) => {
          throw refuse('cannot be read', cause)
        })
      if (bytesRead === 0) throw refuse('ends too early')
      done += bytesRead
    }
  }

  const opened = await withFile(async (handle, size, stamp) => {
    if (size < 8) throw refuse('is too short for a safetensors file')
    const prefix = new Uint8Array(8)
    await readBytes(handle, prefix, 0)
    const length = new DataView(prefix.buffer).getBigUint64(0, true)
    if (length > BigInt(size - 8)) throw refuse('has a header longer than the file, so it is no safetensors file')
    if (length > MAXIMUM_HEADER_BYTES) throw refuse(`has a header of more than ${MAXIMUM_HEADER_BYTES} bytes`)
    const bytes = new Uint8Array(Number(length))
    await readBytes(handle, bytes, 8)
    return { ...parseHeader(bytes, size - 8 - bytes.length, refuse), dataStart: 8 + bytes.length, stamp }
  })
  const { metadata, entries, starts, dataStart, stamp: firstStamp } = opened

  return {
    file,
    metadata,
    entries,
    async tensor(name) {
      const entry = entries.get(name)
      const start = starts.get(name)
      if (!entry || start === undefined) throw refuse(`has no tensor '${shorten(name)}'`)
      const { dtype, dims } = entry
      if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16') {
        throw refuse(`has tensor '${shorten(name)}' as ${dtype}, must be F32, F16 or BF16`)
      }
      const bytes = new Uint8Array(entry.bytes)
      await withFile(async (handle, _, stamp) => {
        if (stamp !== firstStamp) throw refuse('has changed while it was read')
        await readBytes(handle, bytes, dataStart + start)
      })
      return { data: widen(dtype, bytes), dims }
    },
  }
}

function parseHeader(bytes: Uint8Array, dataBytes: number, refuse: (complaint: string, cause?: unknown) => Error) {
  let text: string
  let header: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    // Beginning with a brace is a rule of the format.
    header = text.startsWith('{') ? JSON.parse(text) : undefined
  } catch (cause) {
    throw refuse('has a header that is not valid JSON', cause)
  }
  if (!isObject(header)) throw refuse('has a header that is not a JSON object')

  const metadata = new Map<string, string>()
  const entries = new Map<string, SafetensorsEntry>()
  const starts = new Map<string, number>()
  let members = 0
  // Own properties only, into maps: a tensor may be called like a property that every object has.
  for (const [name, entry] of Object.entries(header)) {
    const wrong = (complaint: string) => refuse(`has a header in which '${shorten(name)}' ${complaint}`)
    if (!isObject(entry)) throw wrong('is not an object')
    members += 1 + Object.keys(entry).length
    if (name === '__metadata__') {
      for (const [key, value] of Object.entries(entry)) {
        if (typeof value !== 'string') throw wrong('has a value that is not a text')
        metadata.set(key, value)
      }
      continue
    }
    for (const key of Object.keys(entry)) {
      if (!['dtype', 'shape', 'data_offsets'].includes(key)) throw wrong(`has the unknown field '${shorten(key)}'`)
    }
    const dtype = own(entry, 'dtype')
    const size = typeof dtype === 'string' ? ELEMENT_BYTES.get(dtype) : undefined
    if (typeof dtype !== 'string' || size === undefined) throw wrong(`has the unknown type ${shorten(String(dtype))}`)
    const dims = own(entry, 'shape')
    if (!isSizes(dims) || dims.length > MAXIMUM_RANK) throw wrong(`has no shape of at most ${MAXIMUM_RANK} sizes`)
    const offsets = own(entry, 'data_offsets')
    const [start, end] = isSizes(offsets) && offsets.length === 2 ? offsets : []
    if (start === undefined || end === undefined) throw wrong('has no two data offsets')
    if (start > end || end > dataBytes) throw wrong('lies outside of the file')
    // Sizes are whole and not negative, so a product that overflows is larger than any file.
    const expected = dims.includes(0) ? 0 : dims.reduce((product, each) => product * each, size)
    if (end - start !== expected) throw wrong(`has ${end - start} bytes, must be ${expected} for its shape`)
    entries.set(name, { dtype, dims, bytes: expected })
    starts.set(name, start)
  }
  // Of members with equal names JSON.parse keeps the last; each reader may choose another one.
  if (countMembers(text) !== members) throw refuse('has a header in which a name stands twice')

  let covered = 0
  const places = [...entries].map(([name, entry]) => ({ name, start: starts.get(name) ?? 0, bytes: entry.bytes }))
  for (const { name, start, bytes } of places.sort((a, b) => a.start - b.start || a.bytes - b.bytes)) {
    if (start !== covered) {
      const complaint = start < covered ? 'overlaps another tensor' : 'leaves a hole before it'
      throw refuse(`has a header in which '${shorten(name)}' ${complaint}`)
    }
    covered += bytes
  }
  if (covered !== dataBytes) throw refuse(`has ${dataBytes} bytes of data, its header says ${covered}`)
  return { metadata, entries, starts }
}

/** Counts the `"name":` of a valid JSON text. */
function countMembers(text: string): number {
  let count = 0
  for (const match of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?/g)) if (match[1] !== undefined) count++
  return count
}

/** Half precision and bfloat16 are exact in float32. */
function widen(dtype: 'F32' | 'F16' | 'BF16', bytes: Uint8Array<ArrayBuffer>): Float32Array {
  if (dtype === 'F32') return new Float32Array(bytes.buffer)
  const halves = new Uint16Array(bytes.buffer)
  if (dtype === 'F16') return float16ToFloat32(halves)
  const words = new Uint32Array(halves.length)
  for (let index = 0; index < halves.length; index++) words[index] = (halves[index] ?? 0) << 16
  return new Float32Array(words.buffer)
}

function staysInside(file: string): boolean {
  const parts = file.split(/[/\\]/)
  return !/^[a-z]:/i.test(file) && !file.includes('\0') && parts.every((part) => part !== '' && part !== '..')
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((each) => Number.isSafeInteger(each) && each >= 0)

const own = (object: Record<string, unknown>, key: string): unknown =>
  Object.hasOwn(object, key) ? object[key] : undefined

/** Names come from the file: one line, without what a terminal would obey. */
const shorten = (text: string): string =>
  (text.length > 80 ? `${text.slice(0, 77)}…` : text).replaceAll(/[\p{Cc}\p{Cf}]/gu, '?')
