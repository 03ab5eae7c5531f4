import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { open, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { formatBytes } from '../../base/byteSize.js'
import { InvalidInputError } from '../../base/errors.js'
import { makeFolder } from '../../base/makeFolder.js'
import { repositoryPaths } from '../cache/cachePaths.js'
import { writeCacheRecord } from '../cache/cacheRecord.js'
import { makeRoom, planRoom } from '../cache/makeRoom.js'
import { findCached, noteUse, snapshotFiles } from '../cache/readCache.js'
import { removeFailed } from '../cache/removeFailed.js'
import { verifyCached } from '../cache/verifyCached.js'
import { writeSnapshot } from '../cache/writeSnapshot.js'
import { downloadFile } from '../download/downloadFile.js'
import { chooseFiles } from '../hub/chooseFiles.js'
import { type HubFile, isSafePath } from '../hub/readHubModel.js'
import { ModelDownloadError, ModelFormatError, ModelUnavailableError } from '../modelErrors.js'
import { type ModelId, shownModelId } from '../modelId.js'
import type { PullContext, PullReport } from '../modelPuller.js'
import { reportPresent } from '../reportPresent.js'
import { safetensorsHeaderLength } from '../safetensorsKind.js'
import { readStart } from './readStart.js'
import { readZipDirectory, type ZipEntry, ZipError } from './readZip.js'
import { requireAdapter } from './requireAdapter.js'
import { safeFileName } from './safeFileName.js'
import { unpackZipEntry } from './unpackZipEntry.js'

const FIRST_BYTES = 64 * 1024
/** Weights hardly shrink; what does by this much is there to fill the disk. */
const MAXIMUM_RATIO = 200

/** Fetches an adapter (one safetensors file) or an ONNX model (a zip archive) from a URL. The context's lock is held. */
export async function pullFromUrl(
  context: PullContext,
  { id, url }: Extract<ModelId, { kind: 'url' }>,
): Promise<PullReport> {
  const { cacheFolder, repository, options, emit, clock, signal, hub, maximumUrlBytes } = context
  const shown = shownModelId(id)
  if (options.revision !== undefined || options.file !== undefined) {
    throw new InvalidInputError('a URL has neither revisions nor further files', {
      remedy: 'Leave --revision and --file away.',
    })
  }
  const there = await alreadyThere(context, shown)
  if (there) return there
  if (hub.offline) {
    throw new ModelUnavailableError(
      id,
      'Offline mode is on: unset HF_HUB_OFFLINE (or leave --offline away) to fetch it.',
    )
  }

  const explainStatus = (status: number) =>
    new ModelDownloadError(`${url.host} answers with status ${status} for '${shown}'`, {
      remedy: status === 401 || status === 403 ? 'The file may need a key in the URL.' : 'Check the URL.',
      details: { status },
    })
  const { start, size, disposition } = await readStart(context, { url, bytes: FIRST_BYTES, explainStatus })
  if (size === undefined) throw refuse(shown, 'is sent without its size', 'Use a server that tells it.')
  if (size > maximumUrlBytes) {
    throw refuse(
      shown,
      `has ${formatBytes(size)}, more than the ${formatBytes(maximumUrlBytes)} of a URL`,
      PUT_YOURSELF,
    )
  }
  const isZip = start.subarray(0, 4).equals(Buffer.from('PK\u0003\u0004', 'latin1'))
  if (!isZip) {
    if (safetensorsHeaderLength(start) === undefined) {
      throw new ModelFormatError(
        id,
        'is neither a safetensors file nor a zip archive',
        'Pickles (.ckpt, .pt, .bin) are programs and are never loaded; use a safetensors adapter or an ONNX archive.',
      )
    }
    await requireAdapter(context, { url, id, size, start, explainStatus })
  }

  const name = isZip ? safeFileName(disposition, url, '.zip') : safeFileName(disposition, url, '.safetensors')
  const paths = repositoryPaths(cacheFolder, repository)
  const part = join(paths.blobs, 'url.crynux.incomplete')
  const partial = (await stat(part).catch(() => undefined))?.size ?? 0
  const needBytes = Math.max(0, size - partial)
  const base = { model: shown, bytes: size, fetchedBytes: size }
  if (options.dryRun) {
    const { evict } = await planRoom(cacheFolder, { repository, needBytes, quotaBytes: context.quotaBytes })
    return {
      ...base,
      commit: '',
      folder: null,
      files: [{ path: name, bytes: size, fetched: true }],
      removed: evict.map((model) => ({ id: shownModelId(model.id), bytes: model.bytes })),
      dryRun: true,
    }
  }

  const roomFor = (bytes: number) =>
    makeRoom(cacheFolder, {
      repository,
      needBytes: bytes,
      quotaBytes: context.quotaBytes,
      clock,
      signal,
      ...(context.freeBytes ? { freeBytes: context.freeBytes } : {}),
    })
  const room = await roomFor(needBytes)
  try {
    emit({ event: 'planned', model: shown, files: 1, bytes: size, missingBytes: size })
    for (const model of room.evicted) emit({ event: 'removed', model: model.id, bytes: model.bytes })
    await makeFolder(paths.blobs)
    const downloaded = await downloadFile(context, {
      url,
      name,
      path: part,
      maximumBytes: size,
      explainStatus,
      onBytes: (bytes) => emit({ event: 'progress', model: shown, file: name, bytes, totalBytes: size }),
      onRetry: (retry) => emit({ event: 'retry', model: shown, file: name, ...retry }),
    })
    if (downloaded.size !== size) throw refuse(shown, 'changed its size while it was fetched', 'Run the command again.')
    let files: StoredFile[]
    if (isZip) {
      files = await unpack(context, { id, archivePath: part, blobs: paths.blobs, roomFor })
      await rm(part)
    } else {
      await rename(part, join(paths.blobs, downloaded.hash.value))
      files = [{ path: name, size, blob: downloaded.hash.value }]
    }
    const commit = createHash('sha256').update(JSON.stringify(files)).digest('hex').slice(0, 40)
    const folder = await writeSnapshot(paths, commit, files)
    await writeCacheRecord(paths, {
      id,
      revision: null,
      commit,
      pulledAt: new Date(clock.now()).toISOString(),
      pinned: options.pin === true,
      foreign: false,
    })
    await noteUse(cacheFolder, repository, clock.now())
    for (const file of files) emit({ event: 'file', model: shown, file: file.path, bytes: file.size })
    return {
      ...base,
      commit,
      folder,
      files: files.map(({ path, size: bytes }) => ({ path, bytes, fetched: true })),
      removed: room.evicted,
      dryRun: false,
    }
  } catch (error) {
    await removeFailed(paths, error)
    throw error
  } finally {
    await room.release()
  }
}

type StoredFile = { path: string; size: number; blob: string }

const PUT_YOURSELF = 'Put the files into --model-root yourself.'

const refuse = (shown: string, complaint: string, remedy: string) =>
  new ModelDownloadError(`'${shown}' ${complaint}`, { remedy, details: { model: shown } })

/** A URL has no versions: what was fetched once stays, until it is removed or found to be damaged. */
async function alreadyThere(
  { cacheFolder, repository, options, signal }: PullContext,
  shown: string,
): Promise<PullReport | undefined> {
  const found = await findCached(cacheFolder, repository)
  if (!found) return undefined
  if (options.check && (await verifyCached(found, { signal })).damaged.length > 0) return undefined
  if (options.pin !== undefined && found.record && !options.dryRun) {
    await writeCacheRecord(repositoryPaths(cacheFolder, repository), { ...found.record, pinned: options.pin })
  }
  const files = await snapshotFiles(found.folder)
  return reportPresent(shown, found, files, options)
}

/** Unpacks what the pipelines read of an archive; everything else in it is left alone. */
async function unpack(
  { options, signal }: PullContext,
  {
    id,
    archivePath,
    blobs,
    roomFor,
  }: {
    id: string
    archivePath: string
    blobs: string
    roomFor(bytes: number): Promise<{ release(): Promise<void> }>
  },
): Promise<StoredFile[]> {
  const archive = await open(archivePath, 'r')
  try {
    const chosen = await chooseEntries(archive, { id, variant: options.variant })
    const room = await roomFor(chosen.reduce((total, { entry }) => total + entry.bytes, 0))
    try {
      const files: StoredFile[] = []
      for (const { path, entry } of chosen) {
        const temporary = join(blobs, 'unpacked.crynux.incomplete')
        try {
          const blob = await unpackZipEntry(archive, entry, { path: temporary, signal })
          await rename(temporary, join(blobs, blob))
          files.push({ path, size: entry.bytes, blob })
        } finally {
          await rm(temporary, { force: true })
        }
      }
      return files
    } finally {
      await room.release()
    }
  } catch (error) {
    // An archive that is refused now would be refused again.
    if (error instanceof ZipError || error instanceof ModelFormatError) await rm(archivePath, { force: true })
    if (!(error instanceof ZipError)) throw error
    throw new ModelFormatError(id, `is an archive that ${error.message}`, 'Pack it as a plain zip archive.')
  } finally {
    await archive.close()
  }
}

async function chooseEntries(
  archive: FileHandle,
  { id, variant }: { id: string; variant: string | undefined },
): Promise<{ path: string; entry: ZipEntry }[]> {
  const entries = await readZipDirectory(archive)
  for (const { name } of entries) if (!isSafePath(name)) throw new ZipError('has a file name that leads elsewhere')
  const { size } = await archive.stat()
  const total = entries.reduce((sum, { bytes }) => sum + bytes, 0)
  if (total > size * MAXIMUM_RATIO) throw new ZipError(`unpacks to more than ${MAXIMUM_RATIO} times its size`)
  // Many archives have everything in one folder.
  const [top = ''] = entries[0]?.name.split('/') ?? []
  const prefix = entries.every(({ name }) => name.startsWith(`${top}/`)) ? `${top}/` : ''
  const wrapped = prefix !== '' && entries.some(({ name }) => /^[^/]+\/(?:model_index|config|crynux)\.json$/.test(name))
  const byPath = new Map(entries.map((entry) => [wrapped ? entry.name.slice(prefix.length) : entry.name, entry]))
  const files = [...byPath].map(
    ([path, { bytes }]): HubFile => ({ path, size: bytes, hash: { algorithm: 'sha256', value: '' } }),
  )
  const chosen = chooseFiles(files, { id, variant })
  if (chosen.form !== 'onnx') throw new ZipError('has no ONNX model in it')
  return chosen.files.flatMap(({ path }) => {
    const entry = byPath.get(path)
    return entry ? [{ path, entry }] : []
  })
}
