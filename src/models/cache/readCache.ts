import { lstat, readdir, readFile, readlink, stat, utimes, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { isLocked } from '../../base/fileLock.js'
import { type RepositoryPaths, repositoryPaths } from './cachePaths.js'
import { type CacheRecord, readCacheRecord } from './cacheRecord.js'
import { isUsed, pullLock } from './useMarks.js'

/** A model as it stands in a cache. */
export type CachedModel = {
  repository: string
  /** Hub id or URL. */
  id: string
  commit: string
  /** The snapshot's folder. */
  folder: string
  record: CacheRecord | undefined
}

/** The model of that folder name, or undefined. */
export async function findCached(cacheFolder: string, repository: string): Promise<CachedModel | undefined> {
  const paths = repositoryPaths(cacheFolder, repository)
  const record = await readCacheRecord(paths)
  const commit = await presentCommit(paths, record)
  if (commit === undefined) return undefined
  const id = record?.id ?? repository.slice('models--'.length).replace('--', '/')
  return { repository, id, commit, folder: join(paths.snapshots, commit), record }
}

/** Our own record says which snapshot counts here; another program's cache has `refs/main`, or one snapshot only. */
async function presentCommit(paths: RepositoryPaths, record: CacheRecord | undefined): Promise<string | undefined> {
  const main = (await readFile(join(paths.refs, 'main'), 'utf8').catch(() => '')).trim()
  const snapshots: string[] = await readdir(paths.snapshots).catch(() => [])
  const single = snapshots.length === 1 ? snapshots[0] : undefined
  return [record?.commit, main, single].find((commit) => commit !== undefined && snapshots.includes(commit))
}

/** All models of a cache, by folder name; broken ones are left out. */
export async function listCached(cacheFolder: string): Promise<CachedModel[]> {
  const names = await readdir(cacheFolder).catch(() => [])
  const models: CachedModel[] = []
  for (const name of names.sort()) {
    if (!/^(?:models|urls)--./.test(name)) continue
    const model = await findCached(cacheFolder, name)
    if (model) models.push(model)
  }
  return models
}

/**
 * Whether another program's download of the model has not come to its end. Such a snapshot grows file by file, and without its safety
 * checker, say, it would give other pictures.
 */
export async function isUnfinished(cacheFolder: string, repository: string): Promise<boolean> {
  const names: string[] = await readdir(repositoryPaths(cacheFolder, repository).blobs).catch(() => [])
  return names.some((name) => name.endsWith('.incomplete') && !name.endsWith('.crynux.incomplete'))
}

/** One file of a snapshot. */
export type SnapshotFile = {
  /** Inside the snapshot, with `/`. */
  path: string
  /** What its link points to, or the file itself. */
  content: string
  /** The name of the blob; undefined for a file that is no link. */
  blob: string | undefined
  /** Undefined when the content is missing. */
  size: number | undefined
}

/** The files of a snapshot. */
export async function snapshotFiles(folder: string): Promise<SnapshotFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files: SnapshotFile[] = []
  for (const entry of entries) {
    if (entry.isDirectory()) continue
    const content = join(entry.parentPath, entry.name)
    const link = entry.isSymbolicLink() ? await readlink(content) : undefined
    const found = await stat(content).catch(() => undefined)
    files.push({
      path: content.slice(folder.length + 1).replaceAll('\\', '/'),
      content,
      blob: link === undefined ? undefined : basename(link),
      size: found?.isFile() ? found.size : undefined,
    })
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** What a model takes on the disk, unfinished files included; bytes. */
export async function diskUse(cacheFolder: string, repository: string): Promise<number> {
  const { root } = repositoryPaths(cacheFolder, repository)
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => [])
  let bytes = 0
  for (const entry of entries) {
    if (entry.isFile()) bytes += (await lstat(join(entry.parentPath, entry.name)).catch(() => undefined))?.size ?? 0
  }
  return bytes
}

/** When a model was last used (or pulled), in ms since 1970; 0 when nobody knows. */
export async function lastUse(cacheFolder: string, repository: string): Promise<number> {
  const paths = repositoryPaths(cacheFolder, repository)
  for (const path of [paths.used, paths.record]) {
    const found = await stat(path).catch(() => undefined)
    if (found) return found.mtimeMs
  }
  return 0
}

/** Notes that a model is used now. A cache that cannot be written to goes without. */
export async function noteUse(cacheFolder: string, repository: string, nowMs: number): Promise<void> {
  const { used } = repositoryPaths(cacheFolder, repository)
  try {
    await writeFile(used, '', { flag: 'a' })
    await utimes(used, nowMs / 1000, nowMs / 1000)
  } catch {
    // The order in which models are removed to make room is all that depends on it.
  }
}

/** Whether somebody works with the model at the moment. */
export async function isBusy(cacheFolder: string, repository: string): Promise<boolean> {
  return (await isUsed(cacheFolder, repository)) || (await isLocked(pullLock(cacheFolder, repository)))
}
