import type { IncomingMessage } from 'node:http'
import type { DownloadDependencies } from '../download/downloadFile.js'
import { onlySafetensors } from '../hub/chooseFiles.js'
import { ModelFormatError } from '../modelErrors.js'
import { readSafetensorsKind, safetensorsHeaderLength } from '../safetensorsKind.js'
import { readStart } from './readStart.js'

/** Enough for the headers of most adapters. */
const FIRST_BYTES = 64 * 1024

/**
 * Looks into the header of a remote safetensors file, without its tensors: an adapter or an embedding may be fetched, a whole model's
 * weights may not.
 *
 * @throws ModelFormatError
 */
export async function requireAdapter(
  dependencies: DownloadDependencies,
  request: {
    url: URL
    id: string
    size: number
    explainStatus(status: number, headers: IncomingMessage['headers']): Error
    /** The file's first bytes, where they are known already. */
    start?: Buffer
  },
): Promise<void> {
  const { url, id, size, explainStatus } = request
  const read = async (bytes: number) => (await readStart(dependencies, { url, bytes, explainStatus })).start
  let start = request.start ?? (await read(Math.min(FIRST_BYTES, size)))
  const length = safetensorsHeaderLength(start)
  if (length === undefined || 8 + length > size) throw noSafetensors(id)
  if (start.length < 8 + length) start = await read(8 + length)
  const kind = readSafetensorsKind(start.subarray(8, 8 + length), size)
  if (kind === undefined) throw noSafetensors(id)
  if (kind === 'checkpoint') throw onlySafetensors(id, 'a single-file checkpoint')
  if (kind === 'weights') throw onlySafetensors(id, 'a part of a model')
}

export const noSafetensors = (id: string): ModelFormatError =>
  new ModelFormatError(
    id,
    'has a .safetensors file that is none',
    'It may be damaged, or a program in disguise: do not use it.',
  )
