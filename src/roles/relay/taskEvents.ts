import type { Hex } from '../../base/hex.js'
import type { Logger } from '../../base/logger.js'
import type { RelayDatabase } from '../../store/relayDatabase/relayDatabase.js'
import { type ChainFacts, isOver, type TaskFacts } from './chainFacts.js'

/** What happened to a task. `end` is the last one: the task is over, and nothing of its result is held here. */
export type TaskEvent =
  | {
      type: 'status'
      state: TaskFacts['state']
      abortReason: string | null
      uploader: string | null
      redelivery: boolean
      committed: number
      revealed: number
    }
  | { type: 'arguments' }
  | { type: 'results' }
  | { type: 'end' }

export type TaskEvents = {
  /** Sends the present state at once, then each change; returns how to stop. */
  subscribe(taskId: Hex, send: (event: TaskEvent) => void): () => void
  /** Looks at one task now, because something of it arrived here. */
  wake(taskId: Hex): void
  /** Looks at all tasks that somebody watches, because there is a new block. */
  wakeAll(): void
  count(): number
}

type Watch = { sent: string; argumentsSent: boolean; resultsSent: string | null; send: (event: TaskEvent) => void }
type Watched = { watches: Set<Watch>; looking: boolean; again: boolean }

/**
 * Tells watchers what changed, by comparing what is with what each was told: a missed block or a lost event does no harm.
 * A task is read once for all its watchers.
 */
export function createTaskEvents({
  chain,
  database,
  logger,
  onTask,
}: {
  chain: Pick<ChainFacts, 'readTask'>
  database: RelayDatabase
  logger: Logger
  /** Called with every task that was read. */
  onTask(taskId: Hex, task: TaskFacts): Promise<void>
}): TaskEvents {
  const tasks = new Map<Hex, Watched>()

  const look = async (taskId: Hex, watched: Watched): Promise<void> => {
    if (watched.looking) {
      watched.again = true
      return
    }
    watched.looking = true
    try {
      do {
        watched.again = false
        const task = await chain.readTask(taskId)
        if (!task) continue
        const uploader = task.uploader?.toLowerCase() as Hex | undefined
        const seal = uploader ? await database.findSeal(taskId, uploader) : null
        const hasArguments = (await database.findArguments(taskId)) !== null
        for (const watch of [...watched.watches])
          tell(watch, task, { hasArguments, sealed: seal ? `${uploader}` : null })
        await onTask(taskId, task)
      } while (watched.again)
    } catch (error) {
      logger.warn({ error, taskId }, 'the task could not be read; its watchers are told at the next block')
    } finally {
      watched.looking = false
    }
  }

  const wake = (taskId: Hex) => {
    const watched = tasks.get(taskId)
    if (watched) void look(taskId, watched)
  }

  return {
    subscribe: (taskId, send) => {
      const watched = tasks.get(taskId) ?? { watches: new Set(), looking: false, again: false }
      tasks.set(taskId, watched)
      const watch: Watch = { sent: '', argumentsSent: false, resultsSent: null, send }
      watched.watches.add(watch)
      void look(taskId, watched)
      return () => {
        watched.watches.delete(watch)
        if (watched.watches.size === 0 && tasks.get(taskId) === watched) tasks.delete(taskId)
      }
    },
    wake,
    wakeAll: () => {
      for (const taskId of tasks.keys()) wake(taskId)
    },
    count: () => {
      let count = 0
      for (const { watches } of tasks.values()) count += watches.size
      return count
    },
  }
}

function tell(
  watch: Watch,
  task: TaskFacts,
  { hasArguments, sealed }: { hasArguments: boolean; sealed: string | null },
) {
  const status: TaskEvent = {
    type: 'status',
    state: task.state,
    abortReason: task.abortReason,
    uploader: task.uploader,
    redelivery: task.redelivery,
    committed: task.slots.filter((slot) => slot.committed).length,
    revealed: task.slots.filter((slot) => slot.revealed).length,
  }
  const text = JSON.stringify(status)
  if (text !== watch.sent) watch.send(status)
  watch.sent = text
  if (hasArguments && !watch.argumentsSent) watch.send({ type: 'arguments' })
  watch.argumentsSent ||= hasArguments
  if (sealed !== null && sealed !== watch.resultsSent) watch.send({ type: 'results' })
  watch.resultsSent = sealed
  // A completed task is followed until its creator has acknowledged it: then nodes can drop their own sealed copies.
  if (task.state === 'aborted' || (isOver(task) && sealed === null)) watch.send({ type: 'end' })
}
