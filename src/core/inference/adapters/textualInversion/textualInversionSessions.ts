import { createHash } from 'node:crypto'
import { dirname, join } from 'node:path'
import { hasModelFile, ModelFileError, type ModelFolder, type ModelFolders } from '../../modelFile.js'
import { embeddingTable } from '../../onnx/embeddingTable.js'
import { extendTable, isExtendedCopy } from '../../onnx/extendTable.js'
import { openIndexedModel, partPath } from '../../onnx/patchModel.js'
import { ModelMismatchError } from '../../pipelines/modelMismatchError.js'
import { loadClipTokenizer } from '../../prompt/clipTokenizer.js'
import type { SessionStore } from '../../session.js'
import { createMergedModelCache } from '../lora/mergedModelCache.js'
import { readTextualInversion } from './readTextualInversion.js'

/** Changes whenever the same files would give other bits. */
const EXTENSION_VERSION = 1

/**
 * Puts a task's textual inversion between the pipelines and the networks: the first text encoder of the base model is opened as a copy
 * in the cache whose table of token embeddings has the learned vectors behind the rows of its vocabulary. Everything else is opened as
 * it is; `sessions` may change it further, e.g. with a LoRA.
 *
 * The tokenizer's side of it is {@link import('./addTokens.js').addTokens}.
 */
export function createTextualInversionSessions(
  sessions: SessionStore,
  {
    models: { base, textualInversion },
    cacheFolder,
  }: { models: ModelFolders & { textualInversion: ModelFolder }; cacheFolder: string },
): SessionStore {
  const cache = createMergedModelCache({ folder: cacheFolder })

  async function extended(file: string): Promise<ModelFolder> {
    const { file: learnedFile, vectors } = await readTextualInversion(textualInversion)
    const { vocabularySize: kept } = await loadClipTokenizer(base, 'tokenizer')
    const source = await openIndexedModel(base, file)
    const table = embeddingTable(source.index)
    if (!table) throw new ModelFileError(base, file, 'has no table of token embeddings that could be extended')
    const [, width] = vectors.dims
    if (width !== table.dims[1]) {
      const complaint = `has vectors of ${width} numbers in ${learnedFile}, the base model's text encoder has ${table.dims[1]}`
      throw new ModelMismatchError('textual_inversion', textualInversion, complaint)
    }
    const digests: [string, string][] = []
    const made = { version: EXTENSION_VERSION, extended: table.name, kept, file, digests }
    for (const part of source.parts) digests.push([part, await cache.digest(partPath(source, part))])
    const rows = Float32Array.from(vectors.data)
    const key = createHash('sha256').update(JSON.stringify(made)).update(new Uint8Array(rows.buffer)).digest('hex')
    // Under its own path again, by which the stores behind this one know what it is.
    const extension = (folder: string) => ({ folder: join(folder, dirname(file)), table, kept, rows })
    try {
      const path = await cache.entry(key, {
        build: (folder) => extendTable(source, extension(folder)),
        isWhole: (folder) => isExtendedCopy(source, extension(folder)),
      })
      return { id: base.id, path }
    } catch (cause) {
      const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
      const reason = UNWRITABLE[code]
      if (reason === undefined) throw cause
      throw new ModelFileError(base, file, `cannot be extended, because the cache folder ${reason}`, cause)
    }
  }

  return {
    ...sessions,
    async open(model, file) {
      if (model !== base || !/^text_encoder\/model[\w.-]*\.onnx$/.test(file)) return sessions.open(model, file)
      const copy = await extended(file)
      try {
        return await sessions.open(copy, file)
      } catch (error) {
        // Another process may have removed the entry to make room, just now.
        if (await hasModelFile(copy, file)) throw error
        return sessions.open(await extended(file), file)
      }
    },
  }
}

/** Reasons of the system not to write a file. */
const UNWRITABLE: Readonly<Record<string, string>> = {
  ENOSPC: 'is full',
  EDQUOT: 'is full',
  EACCES: 'cannot be written',
  EPERM: 'cannot be written',
  EROFS: 'cannot be written',
}
