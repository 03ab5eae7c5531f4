import { mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/**
 * Makes a folder and those above it that are missing; `mode` is that of the new ones.
 *
 * Node's own recursive mkdir never returns where the system answers "no such file" for the making of a folder whose parent
 * exists, as it does below /proc.
 *
 * @throws the system's error, e.g. EACCES, ENOENT, ENOTDIR, or EEXIST for a file of that name.
 */
export async function makeFolder(path: string, { mode = 0o777 }: { mode?: number } = {}): Promise<void> {
  const missing: string[] = []
  for (let folder = resolve(path); !(await isThere(folder)); folder = dirname(folder)) missing.push(folder)
  for (const folder of missing.reverse()) {
    try {
      await mkdir(folder, { mode })
    } catch (error) {
      // Somebody else made it meanwhile.
      if (!((error as NodeJS.ErrnoException).code === 'EEXIST' && (await isThere(folder)))) throw error
    }
  }
}

async function isThere(folder: string): Promise<boolean> {
  try {
    // What is no folder is in the way: let the system say so.
    if (!(await stat(folder)).isDirectory()) await mkdir(folder)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && dirname(folder) !== folder) return false
    throw error
  }
}
