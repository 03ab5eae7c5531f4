import { open, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Hex } from '../../base/hex.js'
import { makeFolder } from '../../base/makeFolder.js'

/**
 * The node's files, one folder for each task. Only sealed results are ever written here: the plaintext of arguments and
 * pictures stays in memory.
 */
export type TaskFolders = {
  /** Writes and flushes the sealed files, so that a node that is killed after its commitment can still deliver. */
  write(taskId: Hex, sealedFiles: readonly Uint8Array[]): Promise<void>
  /** One sealed file by its index. */
  read(taskId: Hex, index: number): Promise<Uint8Array>
  remove(taskId: Hex): Promise<void>
  /** Deletes the folders of all tasks but these: what a killed process left behind. */
  removeAllBut(taskIds: ReadonlySet<string>): Promise<void>
}

/** Task folders below `<dataFolder>/tasks`, readable by this user only. */
export function createTaskFolders({ dataFolder }: { dataFolder: string }): TaskFolders {
  const root = join(dataFolder, 'tasks')
  const folderOf = (taskId: Hex) => join(root, taskId.toLowerCase())
  return {
    async write(taskId, sealedFiles) {
      const folder = folderOf(taskId)
      await makeFolder(folder, { mode: 0o700 })
      for (const [index, bytes] of sealedFiles.entries()) await writeFlushed(join(folder, `${index}.age`), bytes)
    },
    read: async (taskId, index) => new Uint8Array(await readFile(join(folderOf(taskId), `${index}.age`))),
    remove: (taskId) => rm(folderOf(taskId), { recursive: true, force: true }),
    async removeAllBut(taskIds) {
      for (const name of await readdir(root).catch(() => [])) {
        if (!taskIds.has(name)) await rm(join(root, name), { recursive: true, force: true })
      }
    },
  }
}

async function writeFlushed(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'w', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}
