import { readdirSync, readFileSync } from 'node:fs'

/** Ids of the processes whose command line or environment names a folder. Linux only; elsewhere nothing is found. */
export function processesUsing(folder: string): number[] {
  const needle = Buffer.from(folder)
  const found: number[] = []
  for (const name of listProc()) {
    const pid = Number(name)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    if (['cmdline', 'environ'].some((file) => read(`/proc/${pid}/${file}`).includes(needle))) found.push(pid)
  }
  return found
}

function listProc(): string[] {
  try {
    return readdirSync('/proc')
  } catch {
    return []
  }
}

function read(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch {
    return Buffer.alloc(0)
  }
}
