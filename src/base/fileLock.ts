import { readdir, rm, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from './clock.js'
import { makeFolder } from './makeFolder.js'
import { createProcessMark, isMarkAlive } from './processMark.js'

/** A held lock. */
export type FileLock = { release(): Promise<void> }

/** Between two looks at others who are deciding at the same time, and for how long; a decision takes a millisecond. */
const LOOK_EVERY_MS = 5
const PATIENCE_MS = 2_000

/**
 * Takes a lock that one process at a time can hold; null when a living process holds it, or is about to.
 *
 * The lock is a folder. Who wants it puts a claim into it and only then looks who else is there: of two, at least one sees the
 * other. Whoever is alone holds it; of several claims the one with the lowest name stays, and the others withdraw. All names
 * are unique and tell process id and start time, so that what a killed process left behind, or one whose id was given to
 * another since, can be removed by anybody at any time without a race.
 */
export async function lockFile(path: string): Promise<FileLock | null> {
  const name = createProcessMark()
  const withdraw = async () => {
    for (const kind of ['held', 'claim']) await rm(join(path, `${name}.${kind}`), { force: true })
    // Not empty while others are there.
    await rmdir(path).catch(() => undefined)
  }
  await claim(path, name)
  try {
    for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += LOOK_EVERY_MS) {
      const others = await livingOthers(path, name)
      if (others.length === 0) {
        // Beside the claim, not instead of it: a file that is renamed can be missed by who lists the folder meanwhile.
        await writeFile(join(path, `${name}.held`), '', { flag: 'wx', mode: 0o600 })
        return { release: withdraw }
      }
      if (others.some((other) => other.endsWith('.held') || other < name)) break
      await systemClock.sleep(LOOK_EVERY_MS)
    }
  } catch (error) {
    await withdraw()
    throw error
  }
  await withdraw()
  return null
}

/** Tries again when somebody removes the empty folder in between. */
async function claim(path: string, name: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    await makeFolder(path, { mode: 0o700 })
    try {
      return await writeFile(join(path, `${name}.claim`), '', { flag: 'wx', mode: 0o600 })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt >= 100) throw error
    }
  }
}

/** Files of other living processes; those of dead ones are removed. */
async function livingOthers(path: string, name: string): Promise<string[]> {
  const others = (await readdir(path)).filter((file) => !file.startsWith(`${name}.`))
  const living = others.filter(isMarkAlive)
  for (const file of others) if (!living.includes(file)) await rm(join(path, file), { force: true })
  return living
}

/** Whether a living process holds the lock, or is about to. Removes nothing. */
export async function isLocked(path: string): Promise<boolean> {
  const files = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  return files.some(isMarkAlive)
}
