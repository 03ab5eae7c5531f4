import { readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makeFolder } from '../../base/makeFolder.js'
import { repositoryPaths } from '../cache/cachePaths.js'
import { readCacheRecord, writeCacheRecord } from '../cache/cacheRecord.js'
import { makeRoom, planRoom, type Room } from '../cache/makeRoom.js'
import { findCached, noteUse, snapshotFiles } from '../cache/readCache.js'
import { removeFailed } from '../cache/removeFailed.js'
import { writeSnapshot } from '../cache/writeSnapshot.js'
import { hashFile } from '../download/contentHash.js'
import { downloadFile } from '../download/downloadFile.js'
import { inParallel } from '../download/inParallel.js'
import { ModelUnavailableError } from '../modelErrors.js'
import type { PullContext, PullReport } from '../modelPuller.js'
import { reportPresent } from '../reportPresent.js'
import { requireAdapter } from '../url/requireAdapter.js'
import { type ChosenFiles, chooseFiles } from './chooseFiles.js'
import { explainHubStatus, type HubFile, hubFileUrl, readHubModel } from './readHubModel.js'

/** Fetches a model of the hub into the cache. The context's lock is held. */
export async function pullFromHub(context: PullContext, id: string): Promise<PullReport> {
  const { cacheFolder, repository, hub, options, emit, jobs, signal, clock } = context
  const { revision = 'main', variant, file, check = false, pin } = options
  const paths = repositoryPaths(cacheFolder, repository)
  if (hub.offline) return alreadyThere(context, id)

  const { commit, files: all } = await readHubModel(
    { ...context, onRetry: (retry) => emit({ event: 'retry', model: id, file: 'list of files', ...retry }) },
    { id, revision },
  )
  const chosen = chooseFiles(all, { id, variant, file })
  await lookInto(context, chosen, { id, commit, revision })
  const { files } = chosen

  // Files of equal content are one blob.
  const missing = new Map<string, HubFile>()
  let partial = 0
  for (const entry of files) {
    const blob = entry.hash.value
    if (missing.has(blob) || (await isThere(join(paths.blobs, blob), entry, check))) continue
    missing.set(blob, entry)
    partial += Math.min(entry.size, await sizeOf(partPath(paths.blobs, blob)))
  }
  const bytes = sum(files)
  const missingBytes = sum([...missing.values()])
  const report = (folder: string | null, removed: Room['evicted']): PullReport => ({
    model: id,
    commit,
    folder,
    files: files.map(({ path, size, hash }) => ({ path, bytes: size, fetched: missing.has(hash.value) })),
    bytes,
    fetchedBytes: missingBytes,
    removed,
    dryRun: options.dryRun === true,
  })
  const room = { repository, needBytes: missingBytes - partial, quotaBytes: context.quotaBytes, clock, signal }
  if (options.dryRun) {
    const { evict } = await planRoom(cacheFolder, room)
    return report(
      null,
      evict.map((model) => ({ id: model.id, bytes: model.bytes })),
    )
  }

  const { freeBytes } = context
  const { evicted, release } = await makeRoom(cacheFolder, { ...room, ...(freeBytes ? { freeBytes } : {}) })
  try {
    emit({ event: 'planned', model: id, files: files.length, bytes, missingBytes })
    for (const model of evicted) emit({ event: 'removed', model: model.id, bytes: model.bytes })
    const earlier = await readCacheRecord(paths)
    const foreign = earlier ? earlier.foreign : (await readdir(paths.snapshots).catch(() => [])).length > 0
    await makeFolder(paths.blobs)
    let done = bytes - missingBytes
    const present = new Map<string, number>()
    const explainStatus = explainHubStatus({ id, revision, hub })
    await inParallel([...missing.values()], { jobs, signal }, async (entry, jobSignal) => {
      const part = partPath(paths.blobs, entry.hash.value)
      await downloadFile(
        { ...context, signal: jobSignal },
        {
          url: hubFileUrl(hub, id, commit, entry.path),
          name: entry.path,
          path: part,
          expected: entry,
          maximumBytes: entry.size,
          explainStatus,
          onBytes: (have) => {
            done += have - (present.get(entry.path) ?? 0)
            present.set(entry.path, have)
            emit({ event: 'progress', model: id, file: entry.path, bytes: done, totalBytes: bytes })
          },
          onRetry: (retry) => emit({ event: 'retry', model: id, file: entry.path, ...retry }),
        },
      )
      await rename(part, join(paths.blobs, entry.hash.value))
      emit({ event: 'file', model: id, file: entry.path, bytes: entry.size })
    })
    const folder = await writeSnapshot(
      paths,
      commit,
      files.map(({ path, hash }) => ({ path, blob: hash.value })),
    )
    if (revision !== commit) await writeReference(join(paths.refs, ...revision.split('/')), commit)
    const pinned = pin ?? earlier?.pinned ?? false
    const pulledAt = new Date(clock.now()).toISOString()
    await writeCacheRecord(paths, { id, revision, commit, pulledAt, pinned, foreign })
    await noteUse(cacheFolder, repository, clock.now())
    await removeParts(paths.blobs)
    return report(folder, evicted)
  } catch (error) {
    await removeFailed(paths, error)
    throw error
  } finally {
    await release()
  }
}

/** Offline, what is in the cache is all there is. @throws ModelUnavailableError */
async function alreadyThere({ cacheFolder, repository, options }: PullContext, id: string): Promise<PullReport> {
  const found = await findCached(cacheFolder, repository)
  const files = found ? await snapshotFiles(found.folder) : []
  const wanted = [undefined, 'main', found?.commit, found?.record?.revision]
  const whole = files.length > 0 && files.every(({ size }) => size !== undefined)
  const complete = whole && wanted.includes(options.revision) && !options.variant && !options.file && !options.check
  if (!found || !complete) {
    throw new ModelUnavailableError(
      id,
      'Offline mode is on: unset HF_HUB_OFFLINE (or leave --offline away) to fetch it.',
    )
  }
  return reportPresent(id, found, files, options)
}

/** A safetensors file is fetched only when its header says that it is an adapter. */
async function lookInto(
  context: PullContext,
  chosen: ChosenFiles,
  { id, commit, revision }: { id: string; commit: string; revision: string },
): Promise<void> {
  if (chosen.form !== 'adapter') return
  const { hub } = context
  for (const { path, size } of chosen.uncertain) {
    const url = hubFileUrl(hub, id, commit, path)
    await requireAdapter(context, { url, id, size, explainStatus: explainHubStatus({ id, revision, hub }) })
  }
}

const partPath = (blobs: string, blob: string): string => join(blobs, `${blob}.crynux.incomplete`)

const sum = (files: readonly HubFile[]): number => files.reduce((total, { size }) => total + size, 0)

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  )

async function isThere(blob: string, { size, hash }: HubFile, check: boolean): Promise<boolean> {
  const found = await stat(blob).catch(() => undefined)
  if (!found?.isFile() || found.size !== size) return false
  return !check || (await hashFile(blob, { algorithm: hash.algorithm, size })) === hash.value
}

/** `refs/pr/1` lies in a folder. */
async function writeReference(path: string, commit: string): Promise<void> {
  await makeFolder(dirname(path))
  await writeFile(path, commit)
}

/** Beginnings of files that are no longer wanted, since the model changed or a pull with other options was given up. */
async function removeParts(blobs: string): Promise<void> {
  for (const name of await readdir(blobs)) {
    if (name.includes('.crynux.incomplete')) await rm(join(blobs, name), { force: true })
  }
}
