import type { Hex } from '../../base/hex.js'
import type { Logger } from '../../base/logger.js'
import type { ChainTask } from '../../chain/read/task.js'
import type { RelayClient } from '../../relayClient/client.js'

/** Listening again too soon would only burden a relay that is in trouble. */
const PAUSE_MS = 2_000

/** Follows tasks' events at their relays. Blocks tell the same, later: whatever fails here costs time only. */
export type RelayListeners = {
  /** Begins to follow a task, if that is not going on already. */
  follow(task: ChainTask): void
  stop(taskId: Hex): void
}

/** Listens until the signal aborts. */
export function createRelayListeners({
  openRelay,
  logger,
  signal,
  onEvent,
  onEnd,
}: {
  /** The client of a task's relay. */
  openRelay(task: ChainTask): Promise<RelayClient>
  logger: Logger
  signal: AbortSignal
  onEvent(): void
  /** The task is over and its result gone from the relay: nobody will ask for another copy. */
  onEnd(taskId: Hex): void
}): RelayListeners {
  const following = new Map<Hex, AbortController>()

  const listen = async (task: ChainTask, until: AbortSignal): Promise<void> => {
    const relay = await openRelay(task)
    await relay.watchTask(task.id, {
      signal: until,
      onEvent: ({ type }) => {
        if (type === 'end') onEnd(task.id)
        onEvent()
      },
    })
  }

  return {
    follow(task) {
      if (following.has(task.id)) return
      const controller = new AbortController()
      following.set(task.id, controller)
      const until = AbortSignal.any([controller.signal, signal])
      listen(task, until)
        .catch((error) => {
          if (!until.aborted) logger.debug({ taskId: task.id, error, step: 'listen' }, 'no events; blocks will do')
        })
        .finally(() => {
          setTimeout(() => following.delete(task.id), PAUSE_MS).unref()
        })
    },
    stop: (taskId) => following.get(taskId)?.abort(),
  }
}
