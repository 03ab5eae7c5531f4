import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'

/** A held lock. */
export type FileLock = { release(): Promise<void> }

/**
 * Takes a lock that one process at a time can hold; null when a living process holds it.
 *
 * The file names its holder by process id and start time, so that the lock of a killed process, or of one whose id was given
 * to another since, is taken over.
 */
export async function lockFile(path: string): Promise<FileLock | null> {
  const holder = `${process.pid} ${startTimeOf(process.pid)} ${randomBytes(8).toString('hex')}\n`
  const own = `${path}.${randomBytes(6).toString('hex')}`
  await writeFile(own, holder, { flag: 'wx', mode: 0o600 })
  try {
    for (let attempt = 0; attempt < 10; attempt++) {
      // link() makes the lock appear with its content in one step, or fails.
      if (await succeeds(link(own, path), 'EEXIST')) {
        return {
          release: async () => {
            if ((await readFile(path, 'utf8').catch(() => '')) === holder) await rm(path, { force: true })
          },
        }
      }
      const found = await readFile(path, 'utf8').catch(() => '')
      if (found !== '' && isAlive(found)) return null
      await discard(path, found)
    }
    return null
  } finally {
    await rm(own, { force: true })
  }
}

/** Removes a dead process's lock, unless another process replaced it since it was read. */
async function discard(path: string, expected: string): Promise<void> {
  const aside = `${path}.${randomBytes(6).toString('hex')}`
  if (!(await succeeds(rename(path, aside), 'ENOENT'))) return
  const taken = await readFile(aside, 'utf8').catch(() => '')
  if (taken !== expected) await succeeds(link(aside, path), 'EEXIST')
  await rm(aside, { force: true })
}

async function succeeds(work: Promise<void>, expectedFailure: string): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === expectedFailure) return false
    throw error
  }
}

function isAlive(holder: string): boolean {
  const [pid = '', startTime = ''] = holder.trim().split(' ')
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    // EPERM: it lives, under another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const present = startTimeOf(Number(pid))
  return present === '?' || startTime === '?' || present === startTime
}

/** When a process began, in clock ticks since the machine started; `?` where the system does not tell. */
function startTimeOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name in parentheses may hold spaces; the 22nd field of the whole is the 20th after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '?'
  } catch {
    return '?'
  }
}
