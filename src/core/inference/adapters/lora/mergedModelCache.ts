import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

/** Folders of merged models, by a key that says what they were made of. Several processes may use one at once. */
export type MergedModelCache = {
  /**
   * The entry's folder. A new one is built beside it and renamed when it is complete, so that nobody ever sees half an entry.
   *
   * @param build fills an empty folder; when it fails nothing stays behind.
   * @param isWhole says whether an entry has all its bytes: after a power failure it may not.
   */
  entry(
    key: string,
    how: { build(folder: string): Promise<void>; isWhole(folder: string): Promise<boolean> },
  ): Promise<string>
  /** SHA-256 of a file, remembered for as long as the file is not changed: models are gigabytes. */
  digest(path: string): Promise<string>
}

/** A few Stable Diffusion 1.5 UNets. */
const DEFAULT_MAXIMUM_BYTES = 16 * 2 ** 30
/** After this time an unfinished entry of another machine that shares the folder is given up. */
const ABANDONED_MS = 24 * 60 * 60 * 1000
const MAXIMUM_DIGESTS = 256

/**
 * Creates the cache in a folder, which is made when it is needed. The least recently used entries are removed when all together are
 * larger than `maximumBytes`; the newest one always stays.
 */
export function createMergedModelCache({
  folder,
  maximumBytes = DEFAULT_MAXIMUM_BYTES,
}: {
  folder: string
  maximumBytes?: number
}): MergedModelCache {
  const root = join(folder, 'merged-models')
  const digests = join(folder, 'digests')
  let swept: Promise<void> | undefined

  return {
    async entry(key, { build, isWhole }) {
      await mkdir(root, { recursive: true })
      swept ??= sweep(root)
      await swept
      const path = join(root, key)
      if (await touch(path)) {
        if (await isWhole(path)) return path
        await discard(root, key)
      }
      const attempt = async (): Promise<void> => {
        const name = unfinishedName(key)
        const unfinished = join(root, name)
        beingBuilt.add(name)
        try {
          await mkdir(unfinished, { mode: 0o700 })
          await build(unfinished)
          await writeThrough(unfinished)
          await rename(unfinished, path)
        } catch (error) {
          await rm(unfinished, { recursive: true, force: true })
          // Another process was faster: what it made is the same.
          if (isError(error, ['ENOTEMPTY', 'EEXIST', 'EPERM']) && (await touch(path))) return
          throw error
        } finally {
          beingBuilt.delete(name)
        }
      }
      await attempt().catch(async (error: unknown) => {
        // On a full disk the other entries have to go.
        if (!isError(error, ['ENOSPC', 'EDQUOT']) || !(await evict(root, { keep: key, maximumBytes: 0 }))) throw error
        return attempt()
      })
      await evict(root, { keep: key, maximumBytes })
      return path
    },

    async digest(path) {
      const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
      const identity = createHash('sha256').update([path, dev, ino, size, mtimeNs, ctimeNs].join('\n')).digest('hex')
      const note = join(digests, identity)
      const known = await readFile(note, 'utf8').catch(() => '')
      if (/^[0-9a-f]{64}$/.test(known)) return known
      const hash = createHash('sha256')
      await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash)
      const digest = hash.digest('hex')
      await mkdir(digests, { recursive: true })
      const unfinished = join(digests, unfinishedName(identity))
      await writeFile(unfinished, digest)
      await rename(unfinished, note)
      await forgetOldest(digests)
      return digest
    },
  }
}

const machine = createHash('sha256').update(hostname()).digest('hex').slice(0, 8)

/** What this process is building now: after a restart in a container another one may have had its number. */
const beingBuilt = new Set<string>()

const unfinishedName = (key: string): string => `${key}.${machine}-${process.pid}-${randomBytes(4).toString('hex')}.tmp`

/**
 * Waits until a folder's files are on the disk. Without it a power failure could leave an entry of full length whose changed weights never
 * arrived: the node would compute other pictures than everybody else, for as long as the entry lives.
 */
async function writeThrough(folder: string): Promise<void> {
  for (const each of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!each.isFile()) continue
    const file = await open(join(each.parentPath, each.name), 'r+')
    try {
      await file.sync()
    } finally {
      await file.close()
    }
  }
}

/** Marks an entry as used now; false when there is none. */
async function touch(path: string): Promise<boolean> {
  const now = new Date()
  return utimes(path, now, now).then(
    () => true,
    (error: unknown) => {
      if (isError(error, ['ENOENT'])) return false
      // A folder of another user or on a read-only disk: used all the same, only not remembered.
      return stat(path).then(
        () => true,
        () => false,
      )
    },
  )
}

/** Removes what processes left behind that were killed while they built an entry. */
async function sweep(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    const [, host, pid] = /\.([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.tmp$/.exec(name) ?? []
    if (host === undefined) continue
    const path = join(root, name)
    const since = (await stat(path).catch(() => undefined))?.mtimeMs ?? 0
    const isAbandoned = host === machine ? !isRunning(name, Number(pid)) : Date.now() - since > ABANDONED_MS
    if (isAbandoned) await rm(path, { recursive: true, force: true })
  }
}

function isRunning(name: string, pid: number): boolean {
  if (pid === process.pid) return beingBuilt.has(name)
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return isError(error, ['EPERM'])
  }
}

/** Removes the least recently used entries; says whether there were any to remove. */
async function evict(root: string, { keep, maximumBytes }: { keep: string; maximumBytes: number }): Promise<boolean> {
  const entries = []
  for (const name of await readdir(root)) {
    if (name.endsWith('.tmp')) continue
    const path = join(root, name)
    const found = await stat(path).catch(() => undefined)
    if (found) entries.push({ name, usedMs: found.mtimeMs, bytes: await folderBytes(path) })
  }
  let total = entries.reduce((sum, { bytes }) => sum + bytes, 0)
  let hasRemoved = false
  for (const { name, bytes } of entries.sort((a, b) => a.usedMs - b.usedMs)) {
    if (total <= maximumBytes) break
    if (name === keep) continue
    await discard(root, name)
    hasRemoved = true
    total -= bytes
  }
  return hasRemoved
}

/** Out of sight at once; whoever has it open keeps it open. */
async function discard(root: string, name: string): Promise<void> {
  const removed = join(root, unfinishedName(name))
  await rename(join(root, name), removed).catch(() => undefined)
  await rm(removed, { recursive: true, force: true })
}

async function folderBytes(path: string): Promise<number> {
  let sum = 0
  for (const each of await readdir(path, { recursive: true, withFileTypes: true }).catch(() => [])) {
    if (!each.isFile()) continue
    sum += (await stat(join(each.parentPath, each.name)).catch(() => undefined))?.size ?? 0
  }
  return sum
}

async function forgetOldest(digests: string): Promise<void> {
  const names = await readdir(digests)
  if (names.length <= MAXIMUM_DIGESTS) return
  const notes = await Promise.all(
    names.map(async (name) => ({ name, atMs: (await stat(join(digests, name)).catch(() => undefined))?.mtimeMs ?? 0 })),
  )
  notes.sort((a, b) => a.atMs - b.atMs)
  for (const { name } of notes.slice(0, names.length - MAXIMUM_DIGESTS)) await rm(join(digests, name), { force: true })
}

const isError = (error: unknown, codes: readonly string[]): boolean =>
  error instanceof Error && 'code' in error && codes.includes(String(error.code))
