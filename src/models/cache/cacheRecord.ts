import { readFile, rename, writeFile } from 'node:fs/promises'
import { createProcessMark } from '../../base/processMark.js'
import type { RepositoryPaths } from './cachePaths.js'

/** What crynux notes of a model that it has pulled; a model without one was put there by another program. */
export type CacheRecord = {
  /** Hub id or URL. */
  id: string
  /** The branch, tag or commit that was asked for; null for URLs. */
  revision: string | null
  /** The snapshot that this machine uses. */
  commit: string
  /** ISO date. */
  pulledAt: string
  /** Never removed to make room. */
  pinned: boolean
  /** Another program had put it there before, and may count on it: never removed to make room either. */
  foreign: boolean
}

/** Reads a model's record; undefined when there is none, or none that can be read. */
export async function readCacheRecord(paths: RepositoryPaths): Promise<CacheRecord | undefined> {
  try {
    const value = JSON.parse(await readFile(paths.record, 'utf8')) as Partial<CacheRecord>
    const { id, revision = null, commit, pulledAt, pinned, foreign } = value
    if (typeof id !== 'string' || typeof commit !== 'string' || typeof pulledAt !== 'string') return undefined
    if (!/^[0-9a-f]{40}$/.test(commit)) return undefined
    return { id, revision, commit, pulledAt, pinned: pinned === true, foreign: foreign === true }
  } catch {
    return undefined
  }
}

/** Writes a model's record in one step. A URL may hold a key, so that only the owner may read it. */
export async function writeCacheRecord(paths: RepositoryPaths, record: CacheRecord): Promise<void> {
  const temporary = `${paths.record}.${createProcessMark()}`
  await writeFile(temporary, `${JSON.stringify(record)}\n`, { mode: 0o600 })
  await rename(temporary, paths.record)
}
