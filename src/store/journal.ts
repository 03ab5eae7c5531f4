import { createHash, randomBytes } from 'node:crypto'
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CrynuxError, EXIT } from '../base/errors.js'
import { lockFile } from '../base/fileLock.js'
import { makeFolder } from '../base/makeFolder.js'

/** Values by key that survive `kill -9` and power loss: what `set` has resolved for is on the disk. */
export type Journal<T> = {
  get(key: string): T | undefined
  /** Resolves when the value is on the disk. */
  set(key: string, value: T): Promise<void>
  delete(key: string): Promise<void>
  entries(): [key: string, value: T][]
  /** Waits for what is being written and lets other processes use the journal. */
  close(): Promise<void>
}

/** Records that no longer count are dropped when there are this many and they outnumber the living. */
const COMPACT_AFTER = 1_000

/**
 * Opens a journal, or makes an empty one. Values are JSON; bigint is kept.
 *
 * The file has one line for each change, `<checksum> <json>`, added and flushed. A process that dies while writing leaves a
 * torn last line, which is ignored: `set` had not resolved.
 *
 * @throws JournalInUseError when another process has it open; JournalDamagedError when something else than the end is torn;
 *   JournalUnusableError when the disk refuses.
 */
export const createJournal = <T>({ path }: { path: string }): Promise<Journal<T>> =>
  openJournal<T>(path).catch((error: unknown) => {
    throw asUnusable(path, error)
  })

/** What a journal holds at this moment, without keeping others from it; empty when there is none. */
export const readJournal = async <T>({ path }: { path: string }): Promise<ReadonlyMap<string, T>> => {
  try {
    return (await load<T>(path)).values
  } catch (error) {
    throw asUnusable(path, error)
  }
}

async function openJournal<T>(path: string): Promise<Journal<T>> {
  await makeFolder(dirname(path), { mode: 0o700 })
  const lock = await lockFile(`${path}.lock`)
  if (!lock) {
    throw new JournalInUseError(`'${path}' is in use by another crynux process`, {
      remedy:
        'Run one node for each wallet and data folder: stop the other process, or give this one its own --data-dir.',
    })
  }
  try {
    const { values, soundBytes, lines } = await load<T>(path)
    return await journalOver({ path, values, soundBytes, lines, release: lock.release })
  } catch (error) {
    await lock.release()
    throw error
  }
}

type Opened<T> = { path: string; values: Map<string, T>; soundBytes: number; lines: number; release(): Promise<void> }

async function journalOver<T>({ path, values, soundBytes, lines, release }: Opened<T>): Promise<Journal<T>> {
  let file = await open(path, 'a', 0o600)
  await file.truncate(soundBytes)
  await file.sync()
  await syncFolder(path)
  let size = soundBytes
  let last: Promise<void> = Promise.resolve()

  const inOrder = (work: () => Promise<void>): Promise<void> => {
    const result = last.then(work)
    last = result.catch(() => undefined)
    return result
  }
  const append = async (record: Change<T>): Promise<void> => {
    const line = lineOf(record)
    try {
      await file.appendFile(line)
      await file.datasync()
    } catch (error) {
      // A half line in the middle would make the whole journal unreadable.
      await file.truncate(size)
      throw asUnusable(path, error)
    }
    size += line.length
    lines++
    apply(values, record)
    if (lines - values.size > Math.max(COMPACT_AFTER, values.size)) await compact()
  }
  const compact = async (): Promise<void> => {
    const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
    const content = Buffer.concat([...values].map(([key, value]) => lineOf({ key, value })))
    const fresh = await open(temporary, 'ax', 0o600)
    try {
      await fresh.appendFile(content)
      await fresh.sync()
      await rename(temporary, path)
    } catch (error) {
      await fresh.close()
      await rm(temporary, { force: true })
      throw error
    }
    await syncFolder(path)
    await file.close()
    file = fresh
    size = content.length
    lines = values.size
  }

  return {
    get: (key) => values.get(key),
    // Copied now: the caller may change the value while earlier ones are being written.
    set: (key, value) => {
      const change = { key, value: structuredClone(value) }
      return inOrder(() => append(change))
    },
    delete: (key) => inOrder(async () => (values.has(key) ? append({ key }) : undefined)),
    entries: () => [...values],
    close: () =>
      inOrder(async () => {
        await file.close()
        await release()
      }),
  }
}

/** Without a value: the key was deleted. */
type Change<T> = { key: string; value?: T }

function apply<T>(values: Map<string, T>, { key, value }: Change<T>): void {
  if (value === undefined) values.delete(key)
  else values.set(key, value)
}

function lineOf<T>(record: Change<T>): Buffer {
  const json = JSON.stringify(record, (_name, value: unknown) =>
    typeof value === 'bigint' ? { $bigint: value.toString() } : value,
  )
  return Buffer.from(`${checksumOf(json)} ${json}\n`)
}

const checksumOf = (json: string): string => createHash('sha256').update(json).digest('hex').slice(0, 16)

async function load<T>(path: string): Promise<{ values: Map<string, T>; soundBytes: number; lines: number }> {
  const values = new Map<string, T>()
  const content = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return Buffer.alloc(0)
    throw error
  })
  let start = 0
  let lines = 0
  for (;;) {
    const end = content.indexOf(0x0a, start)
    const record = end === -1 ? undefined : recordOf<T>(content.toString('utf8', start, end))
    if (!record) break
    apply(values, record)
    start = end + 1
    lines++
  }
  if (hasSoundLine(content, start)) {
    throw new JournalDamagedError(`the journal '${path}' is damaged at byte ${start}`, {
      remedy:
        'The disk may be failing. Restore the file from a backup; without it, move it away only when no task is running.',
    })
  }
  return { values, soundBytes: start, lines }
}

/** Whether anything after a torn place is intact: then it was no interrupted write. */
function hasSoundLine(content: Buffer, start: number): boolean {
  return content
    .toString('utf8', start)
    .split('\n')
    .slice(1)
    .some((line) => recordOf(line) !== undefined)
}

function recordOf<T>(line: string): Change<T> | undefined {
  const json = line.slice(17)
  if (line.length < 18 || line.slice(0, 16) !== checksumOf(json)) return undefined
  return JSON.parse(json, (_name, value: unknown) =>
    typeof value === 'object' && value !== null && '$bigint' in value ? BigInt(String(value.$bigint)) : value,
  ) as Change<T>
}

/** A new or renamed file survives power loss only when its folder is flushed, too. */
async function syncFolder(path: string): Promise<void> {
  const folder: FileHandle = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Full, read-only, not a folder: what the disk says, as an error that a user may see. */
function asUnusable(path: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return /^E[A-Z]+$/.test(code) ? new JournalUnusableError(path, code, error) : error
}

/** The journal's place cannot be written: exit status 3. */
export class JournalUnusableError extends CrynuxError {
  override readonly code = 'CRYNUX_JOURNAL_UNUSABLE'
  override readonly exitCode = EXIT.configuration
  constructor(path: string, reason: string, cause: unknown) {
    super(`the journal '${path}' cannot be read and written (${reason})`, {
      remedy:
        'Check --data-dir (CRYNUX_DATA_DIR), its permissions and the free space, then run the same command again.',
      details: { path, reason },
      cause,
    })
  }
}

/** Two processes of one wallet would sign against each other: exit status 3. */
export class JournalInUseError extends CrynuxError {
  override readonly code = 'CRYNUX_JOURNAL_IN_USE'
  override readonly exitCode = EXIT.configuration
}

/** A journal whose middle is unreadable: exit status 3. */
export class JournalDamagedError extends CrynuxError {
  override readonly code = 'CRYNUX_JOURNAL_DAMAGED'
  override readonly exitCode = EXIT.configuration
}
