import { readdir, rm, statfs, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { formatBytes } from '../../base/byteSize.js'
import type { Clock } from '../../base/clock.js'
import { lockFile } from '../../base/fileLock.js'
import { makeFolder } from '../../base/makeFolder.js'
import { createProcessMark, isMarkAlive } from '../../base/processMark.js'
import { NoRoomForModelError } from '../modelErrors.js'
import { shownModelId } from '../modelId.js'
import { stateFolder } from './cachePaths.js'
import { diskUse, isBusy, lastUse, listCached } from './readCache.js'
import { removeCached } from './removeCached.js'

/** Other programs need a disk that is not full. */
const DISK_RESERVE_BYTES = 512 * 1024 * 1024

export type RoomRequest = {
  /** The model that room is made for; it is never removed itself. */
  repository: string
  /** What will be written. */
  needBytes: number
  /** For all models that crynux has pulled into this cache; undefined: no limit. */
  quotaBytes: number | undefined
  /** Free bytes where the cache is; the disk's by default. */
  freeBytes?: (folder: string) => Promise<number>
  clock: Clock
  signal: AbortSignal
}

/** Room that is kept until it is released, or the process ends. */
export type Room = { evicted: { id: string; bytes: number }[]; release(): Promise<void> }

/**
 * Makes room for a download: models that crynux pulled are removed, the least recently used first, until the quota holds. Models in
 * use, pinned ones, and what other programs put into the cache stay. Room that other processes are about to fill counts as taken.
 *
 * @throws NoRoomForModelError, before anything is removed, when that is not enough.
 */
export async function makeRoom(cacheFolder: string, request: RoomRequest): Promise<Room> {
  const { repository, needBytes, quotaBytes, freeBytes = freeOnDisk, clock, signal } = request
  const state = stateFolder(cacheFolder)
  const reservations = join(state, 'reservations')
  await makeFolder(reservations)
  const lock = await waitForLock(join(state, 'room'), clock, signal)
  try {
    const reserved = await reservedBytes(reservations)
    const plan = await planRoom(cacheFolder, { repository, needBytes: needBytes + reserved, quotaBytes })
    const free = await freeBytes(cacheFolder)
    const gained = plan.evict.reduce((sum, { bytes }) => sum + bytes, 0)
    if (needBytes > 0 && free + gained - reserved - DISK_RESERVE_BYTES < needBytes) {
      throw new NoRoomForModelError(
        `the model needs ${formatBytes(needBytes)}, and the disk has ${formatBytes(free)} free`,
        {
          remedy: `Free some room (\`crynux models list\`, \`models remove\`); ${formatBytes(DISK_RESERVE_BYTES)} are left for others.`,
          details: { needBytes, freeBytes: free },
        },
      )
    }
    const evicted: Room['evicted'] = []
    for (const { repository: other, id, bytes } of plan.evict) {
      // Somebody may have begun to use it since we looked.
      if (await removeCached(cacheFolder, other)) evicted.push({ id: shownModelId(id), bytes })
      else throw noRoom(needBytes, quotaBytes ?? 0, `${shownModelId(id)} is in use since a moment ago`)
    }
    const path = join(reservations, `${createProcessMark()}.${needBytes}`)
    await writeFile(path, '')
    return { evicted, release: () => rm(path, { force: true }) }
  } finally {
    await lock.release()
  }
}

/** What would have to go. @throws NoRoomForModelError */
export async function planRoom(
  cacheFolder: string,
  { repository, needBytes, quotaBytes }: Pick<RoomRequest, 'repository' | 'needBytes' | 'quotaBytes'>,
): Promise<{ evict: { repository: string; id: string; bytes: number }[] }> {
  if (quotaBytes === undefined || needBytes <= 0) return { evict: [] }
  let used = await diskUse(cacheFolder, repository)
  const candidates: { repository: string; id: string; bytes: number; usedAt: number }[] = []
  for (const model of await listCached(cacheFolder)) {
    if (!model.record || model.record.foreign || model.repository === repository) continue
    const bytes = await diskUse(cacheFolder, model.repository)
    used += bytes
    if (model.record.pinned || (await isBusy(cacheFolder, model.repository))) continue
    candidates.push({
      repository: model.repository,
      id: model.id,
      bytes,
      usedAt: await lastUse(cacheFolder, model.repository),
    })
  }
  candidates.sort((a, b) => a.usedAt - b.usedAt)
  const removable = candidates.reduce((sum, { bytes }) => sum + bytes, 0)
  const excess = used + needBytes - quotaBytes
  if (excess > removable) {
    throw noRoom(needBytes, quotaBytes, `${formatBytes(used - removable)} belong to models in use, or pinned`)
  }
  const evict: typeof candidates = []
  for (let freed = 0; freed < excess; ) {
    const next = candidates[evict.length]
    if (!next) break
    evict.push(next)
    freed += next.bytes
  }
  return { evict }
}

const noRoom = (needBytes: number, quotaBytes: number, why: string) =>
  new NoRoomForModelError(
    `the model needs ${formatBytes(needBytes)}, more than the quota of ${formatBytes(quotaBytes)} has left; ${why}`,
    {
      remedy: 'Raise --model-quota (env CRYNUX_MODEL_QUOTA), or remove a model with `crynux models remove`.',
      details: { needBytes, quotaBytes },
    },
  )

async function waitForLock(path: string, clock: Clock, signal: AbortSignal) {
  while (true) {
    const lock = await lockFile(path)
    if (lock) return lock
    await clock.sleep(100, signal)
  }
}

async function reservedBytes(folder: string): Promise<number> {
  let bytes = 0
  for (const name of await readdir(folder)) {
    if (isMarkAlive(name)) bytes += Number(name.split('.').at(-1)) || 0
    else await rm(join(folder, name), { force: true })
  }
  return bytes
}

async function freeOnDisk(folder: string): Promise<number> {
  for (let path = folder; ; path = dirname(path)) {
    const found = await statfs(path).catch(() => undefined)
    if (found) return found.bavail * found.bsize
    if (dirname(path) === path) return Number.POSITIVE_INFINITY
  }
}
