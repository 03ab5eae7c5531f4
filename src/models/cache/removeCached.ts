import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { lockFile } from '../../base/fileLock.js'
import { makeFolder } from '../../base/makeFolder.js'
import { createProcessMark, isMarkAlive } from '../../base/processMark.js'
import { repositoryPaths, stateFolder } from './cachePaths.js'
import { pullLock, whileUnused } from './useMarks.js'

/**
 * Removes a model that nobody uses, fetches or removes; false when somebody does.
 *
 * The folder leaves its place in one step, so that a process that is killed here leaves no half of a model; what it leaves is removed
 * the next time.
 */
export async function removeCached(
  cacheFolder: string,
  repository: string,
  { force = false }: { force?: boolean } = {},
): Promise<boolean> {
  const { root } = repositoryPaths(cacheFolder, repository)
  const trash = join(stateFolder(cacheFolder), 'trash')
  const take = async () => {
    await makeFolder(trash)
    await rename(root, join(trash, createProcessMark()))
  }
  const lock = await lockFile(pullLock(cacheFolder, repository))
  if (!lock) return false
  try {
    if (force) await take()
    else if (!(await whileUnused(cacheFolder, repository, take))) return false
  } finally {
    await lock.release()
  }
  await emptyTrash(trash)
  return true
}

/** Our own, and what processes left that were killed. */
async function emptyTrash(trash: string): Promise<void> {
  for (const name of await readdir(trash)) {
    if (name.startsWith(`${process.pid}.`) || !isMarkAlive(name)) {
      await rm(join(trash, name), { recursive: true, force: true })
    }
  }
}
