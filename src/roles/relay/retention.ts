import type { Clock } from '../../base/clock.js'
import type { Hex } from '../../base/hex.js'
import type { Logger } from '../../base/logger.js'
import type { BlobStore } from '../../store/blobs/blobStore.js'
import type { HeldTask, RelayDatabase } from '../../store/relayDatabase/relayDatabase.js'
import type { ChainFacts, TaskFacts } from './chainFacts.js'
import type { KeyedLock } from './keyedLock.js'
import { sameAddress } from './rights.js'

/** Nothing is kept longer, whatever the chain says or does not say. */
const LIFETIME_MS = 24 * 60 * 60_000

export type Retention = {
  /** Deletes what the task no longer needs, when it looks as if there were something. */
  apply(taskId: Hex, task: TaskFacts | null): Promise<void>
  /** Deletes the arguments; the caller holds the task's lock. */
  removeArguments(taskId: Hex): Promise<void>
  /** Deletes everything of the task; the caller holds its lock. */
  removeTask(taskId: Hex): Promise<void>
  /** Does `apply` for every task of which anything is held. */
  sweep(): Promise<void>
}

/**
 * Decides how long sealed files stay (protocol §8).
 *
 * Arguments: until all three nodes have committed or none can any more. Results: of the current uploader only, at most a day,
 * and not at all after an abort.
 */
export function createRetention({
  database,
  blobs,
  chain,
  clock,
  lock,
  logger,
}: {
  database: RelayDatabase
  blobs: BlobStore
  chain: Pick<ChainFacts, 'readTask'>
  clock: Clock
  lock: KeyedLock
  logger: Logger
}): Retention {
  const removeBlobs = async (names: string[]) => {
    await blobs.remove(names)
    await database.scrub()
  }

  const apply = (taskId: Hex, seen: TaskFacts | null | 'unreadable') =>
    lock(taskId, async () => {
      const held = await database.findTask(taskId)
      if (!held || isEmpty(expired(held, seen, clock.now()))) return
      // What was seen may be older than what was stored since: before anything is deleted the chain is asked once more, now that
      // nothing of the task can be stored in between.
      const task = await chain.readTask(taskId).catch(() => 'unreadable' as const)
      const { removeArguments, removeResultsOf } = expired(held, task, clock.now())
      const names: string[] = []
      if (removeArguments) names.push(...(await database.removeArguments(taskId)))
      for (const uploader of removeResultsOf) names.push(...(await database.removeResults(taskId, uploader)))
      if (names.length === 0) return
      await removeBlobs(names)
      logger.debug({ taskId, count: names.length }, 'sealed files deleted')
    })

  return {
    apply,
    removeArguments: async (taskId) => {
      await removeBlobs(await database.removeArguments(taskId))
    },
    removeTask: async (taskId) => {
      await removeBlobs(await database.removeTask(taskId))
    },
    sweep: async () => {
      for (const { taskId } of await database.listTasks()) {
        try {
          const task = await chain.readTask(taskId).catch(() => 'unreadable' as const)
          await apply(taskId, task)
        } catch (error) {
          // One task that cannot be deleted now must not keep the others; the next sweep tries again.
          logger.warn({ error, taskId }, 'sealed files could not be deleted')
        }
      }
    },
  }
}

const isEmpty = ({ removeArguments, removeResultsOf }: { removeArguments: boolean; removeResultsOf: unknown[] }) =>
  !removeArguments && removeResultsOf.length === 0

/** What has to go. A task that the chain does not know (a chain that was reset) has nothing to be kept for. */
function expired(held: HeldTask, task: TaskFacts | null | 'unreadable', now: number) {
  const tooOld = (storedAt: number) => now - storedAt >= LIFETIME_MS
  const argumentsNeeded = task === 'unreadable' || task?.state === 'started'
  const isNeeded = (uploader: string) =>
    task === 'unreadable' || (task !== null && task.state !== 'aborted' && sameAddress(task.uploader, uploader))
  return {
    removeArguments: held.arguments !== null && (!argumentsNeeded || tooOld(held.arguments.storedAt)),
    removeResultsOf: held.results
      .filter(({ uploader, storedAt }) => !isNeeded(uploader) || tooOld(storedAt))
      .map(({ uploader }) => uploader),
  }
}
