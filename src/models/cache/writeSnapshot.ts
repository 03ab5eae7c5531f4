import { copyFile, link, readdir, readlink, rename, rm, stat, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makeFolder } from '../../base/makeFolder.js'
import { createProcessMark } from '../../base/processMark.js'
import type { RepositoryPaths } from './cachePaths.js'

/**
 * Links files of a snapshot to their blobs, relatively, so that the cache can be moved. A new snapshot appears with all its files at once:
 * one that lacks some looks like another model.
 */
export async function writeSnapshot(
  paths: RepositoryPaths,
  commit: string,
  files: readonly { path: string; blob: string }[],
): Promise<string> {
  const final = join(paths.snapshots, commit)
  const isNew = !(await stat(final).catch(() => undefined))
  // Left by a process that was killed; the model's lock is held.
  for (const name of await readdir(paths.root)) {
    if (name.startsWith(UNFINISHED)) await rm(join(paths.root, name), { recursive: true, force: true })
  }
  const folder = isNew ? join(paths.root, `${UNFINISHED}${createProcessMark()}`) : final
  for (const { path, blob } of files) {
    const place = join(folder, ...path.split('/'))
    const target = `${'../'.repeat(path.split('/').length + 1)}blobs/${blob}`
    if ((await readlink(place).catch(() => undefined)) === target) continue
    await makeFolder(dirname(place))
    const temporary = join(paths.root, `.link.${createProcessMark()}`)
    await makeLink(target, temporary, join(paths.blobs, blob))
    await rename(temporary, place)
  }
  if (isNew) {
    await makeFolder(paths.snapshots)
    await rename(folder, final)
  }
  return final
}

const UNFINISHED = '.snapshot.'

/** Windows makes symbolic links for administrators only. */
async function makeLink(target: string, path: string, blob: string): Promise<void> {
  try {
    await symlink(target, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error
    await rm(path, { force: true })
    await link(blob, path).catch(() => copyFile(blob, path))
  }
}
