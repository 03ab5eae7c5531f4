import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

/**
 * Resident memory of a process in MB; undefined when it cannot be had, as on Windows, or the process has just ended.
 *
 * It is the memory of that process alone: inference starts no processes of its own.
 */
export async function residentMb(pid: number, platform: string = process.platform): Promise<number | undefined> {
  try {
    if (platform === 'linux') {
      const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]
      return kilobytes === undefined ? undefined : Number(kilobytes) / 1024
    }
    if (platform === 'win32') return undefined
    // macOS and the BSDs: there is no /proc, and a child that computes cannot answer.
    const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)], { timeout: 5_000 })
    return Number.parseInt(stdout, 10) / 1024
  } catch {
    return undefined
  }
}
