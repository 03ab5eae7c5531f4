import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../base/clock.js'
import { isLocked, lockFile } from '../../base/fileLock.js'
import { makeFolder } from '../../base/makeFolder.js'
import { createProcessMark, isMarkAlive } from '../../base/processMark.js'
import { stateFolder } from './cachePaths.js'

/** Takes the mark away. */
export type UseMark = { release(): Promise<void> }

/** A removal renames a folder; to wait for it takes this long at the most. */
const PATIENCE_MS = 5_000

/**
 * Marks a model as in use by this process, until it is released or the process ends in whatever way.
 *
 * Who uses a model puts its mark and only then looks for a removal; who removes it takes the removal's lock and only then looks for
 * marks: of two, at least one sees the other.
 *
 * @returns undefined when a cache cannot be written to: then nobody can remove anything from it either.
 */
export async function markUsed(cacheFolder: string, repository: string, clock: Clock): Promise<UseMark | undefined> {
  const folder = usersFolder(cacheFolder, repository)
  const path = join(folder, createProcessMark())
  try {
    await makeFolder(folder)
    await writeFile(path, '', { flag: 'wx' })
  } catch (error) {
    if (['EACCES', 'EROFS', 'EPERM'].includes(String((error as NodeJS.ErrnoException).code))) return undefined
    throw error
  }
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += 20) {
    if (!(await isLocked(removalLock(cacheFolder, repository)))) break
    await clock.sleep(20)
  }
  return { release: () => rm(path, { force: true }) }
}

/** Whether a living process uses the model. Marks of dead ones are removed. */
export async function isUsed(cacheFolder: string, repository: string): Promise<boolean> {
  const folder = usersFolder(cacheFolder, repository)
  const marks = await readdir(folder).catch(() => [])
  let used = false
  for (const mark of marks) {
    if (isMarkAlive(mark)) used = true
    else await rm(join(folder, mark), { force: true })
  }
  return used
}

/** Does something to a model that nobody uses, and that nobody can begin to use meanwhile; false when somebody does. */
export async function whileUnused(
  cacheFolder: string,
  repository: string,
  action: () => Promise<void>,
): Promise<boolean> {
  const lock = await lockFile(removalLock(cacheFolder, repository))
  if (!lock) return false
  try {
    if (await isUsed(cacheFolder, repository)) return false
    await action()
    return true
  } finally {
    await lock.release()
  }
}

/** One process at a time fetches or removes a model. */
export const pullLock = (cacheFolder: string, repository: string): string =>
  join(stateFolder(cacheFolder), `${repository}.pull`)

const removalLock = (cacheFolder: string, repository: string): string =>
  join(stateFolder(cacheFolder), `${repository}.removal`)

const usersFolder = (cacheFolder: string, repository: string): string =>
  join(stateFolder(cacheFolder), `${repository}.users`)
