import { constants } from 'node:fs'
import { chmod, copyFile, type FileHandle, mkdir, open, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ModelFileError, type ModelFolder } from '../modelFile.js'
import { createByteSource } from './byteSource.js'
import { type Initializer, indexModel, type ModelIndex } from './modelIndex.js'
import { ProtobufError } from './protobufReader.js'
import { decodeWeights, encodeWeights, FLOAT_BYTES } from './weightNumbers.js'

/** An ONNX file of a model with the index of its graph. */
export type IndexedModel = {
  model: ModelFolder
  /** Path inside the model's folder. */
  file: string
  index: ModelIndex
  /** The file and those with its weights, relative to the folder that it is in, sorted. */
  parts: readonly string[]
}

/** A change of one tensor's numbers, in place. */
export type WeightPatch = { initializer: Initializer; change(values: Float32Array): void | Promise<void> }

/**
 * Indexes an ONNX file of a model; weights are not read.
 *
 * @throws ModelFileError when it is missing, no ONNX model, or names a weight file outside of its folder.
 */
export async function openIndexedModel(model: ModelFolder, file: string): Promise<IndexedModel> {
  const handle = await open(join(model.path, file), 'r').catch((cause: unknown) => {
    throw new ModelFileError(model, file, 'is missing', cause)
  })
  let index: ModelIndex
  try {
    index = indexModel(createByteSource(handle.fd, (await handle.stat()).size))
  } catch (cause) {
    if (!(cause instanceof ProtobufError || cause instanceof RangeError)) throw cause
    throw new ModelFileError(model, file, 'is damaged or not an ONNX model', cause)
  } finally {
    await handle.close()
  }
  const parts = new Set([basename(file)])
  for (const { place } of index.initializers.values()) {
    if (place.kind !== 'external') continue
    const names = place.location.split('/')
    if (/[\\:\p{C}]/u.test(place.location) || names.some((name) => name === '' || name === '.' || name === '..')) {
      throw new ModelFileError(model, file, 'names a weight file that is not in its folder')
    }
    parts.add(place.location)
  }
  return { model, file, index, parts: [...parts].sort((a, b) => (a < b ? -1 : 1)) }
}

/** Path of one of the parts. */
export const partPath = ({ model, file }: IndexedModel, part: string): string =>
  join(dirname(join(model.path, file)), part)

/**
 * Copies a model's file and those with its weights into a folder, and changes tensors where they stand: sizes and offsets stay, so the
 * rest of the files need not be understood. One tensor at a time is in memory.
 *
 * @throws ModelFileError when a tensor cannot be changed: quantised, or beyond the end of its file.
 */
export async function patchModel(
  source: IndexedModel,
  { folder, patches }: { folder: string; patches: readonly WeightPatch[] },
): Promise<void> {
  const { model, file } = source
  for (const part of source.parts) {
    await mkdir(dirname(join(folder, part)), { recursive: true })
    await copyPart(source, part, join(folder, part))
  }
  const handles = new Map<string, FileHandle>()
  try {
    for (const { initializer, change } of patches) {
      const { place, type } = initializer
      if (type === 'other') throw new ModelFileError(model, file, quantised(initializer.name))
      const count = initializer.dims.reduce((product, each) => product * each, 1)
      const length = count * FLOAT_BYTES[type]
      const part = place.kind === 'external' ? place.location : basename(file)
      if (place.kind === 'other' || (place.bytes !== undefined && place.bytes !== length)) {
        throw new ModelFileError(model, file, `stores tensor '${initializer.name}' in a form that cannot be changed`)
      }
      let handle = handles.get(part)
      if (!handle) {
        handle = await open(join(folder, part), 'r+')
        handles.set(part, handle)
      }
      const bytes = new Uint8Array(length)
      await transfer(length, async (from, size) => {
        const { bytesRead } = await (handle as FileHandle).read(bytes, from, size, place.start + from)
        if (bytesRead === 0) throw new ModelFileError(model, part, 'ends too early')
        return bytesRead
      })
      const values = decodeWeights(bytes, type)
      await change(values)
      const changed = encodeWeights(values, type)
      await transfer(length, async (from, size) => {
        const { bytesWritten } = await (handle as FileHandle).write(changed, from, size, place.start + from)
        return bytesWritten
      })
    }
  } finally {
    for (const handle of handles.values()) await handle.close()
  }
}

/** Whether a folder holds all parts of a patched model in full length. */
export async function isPatchedCopy(source: IndexedModel, folder: string): Promise<boolean> {
  for (const part of source.parts) {
    const [original, copied] = await Promise.all(
      [partPath(source, part), join(folder, part)].map((path) => stat(path).catch(() => undefined)),
    )
    if (original?.size === undefined || original.size !== copied?.size) return false
  }
  return true
}

/** Shares the blocks of the source where the file system can do that. The copy must be writable whatever the source is. */
export async function copyPart(source: IndexedModel, part: string, target: string): Promise<void> {
  try {
    await copyFile(partPath(source, part), target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')) throw cause
    throw new ModelFileError(source.model, part, 'is missing', cause)
  }
  await chmod(target, 0o600)
}

const MAXIMUM_TRANSFER = 1 << 26

async function transfer(length: number, move: (from: number, size: number) => Promise<number>): Promise<void> {
  for (let done = 0; done < length; ) done += await move(done, Math.min(length - done, MAXIMUM_TRANSFER))
}

const quantised = (name: string): string =>
  `stores tensor '${name}' quantised; weights can be changed in float32, float16 or bfloat16 only`
