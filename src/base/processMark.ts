import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'

/**
 * A name for a file that stands for this process as long as it lives: process id, start time, and a random part. Whoever finds the
 * file can tell by its name whether the process is still there, also when the id was given to another one since.
 */
export const createProcessMark = (): string =>
  `${process.pid}.${startTimeOf(process.pid)}.${randomBytes(8).toString('hex')}`

/** Whether the process of a mark lives; anything may follow the mark after a dot. */
export function isMarkAlive(mark: string): boolean {
  const [pid = '', startTime = ''] = mark.split('.')
  if (!/^[1-9]\d*$/.test(pid)) return false
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    // EPERM: it lives, under another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const present = startTimeOf(Number(pid))
  return present === UNKNOWN || startTime === UNKNOWN || present === startTime
}

const UNKNOWN = 'x'

/** When a process began, in clock ticks since the machine started; `x` where the system does not tell. */
function startTimeOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name in parentheses may hold spaces; the 22nd field of the whole is the 20th after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? UNKNOWN
  } catch {
    return UNKNOWN
  }
}
