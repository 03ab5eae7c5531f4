import type { Address, Hex } from '../../base/hex.js'
import type { ChainReader } from '../../chain/client.js'
import { readBlockTime } from '../../chain/read/blockTime.js'
import { readTaskCreations } from '../../chain/read/createdTasks.js'
import { type AbortReason, readTask, type TaskKind, type TaskState } from '../../chain/read/task.js'
import { UnknownTaskError } from './taskErrors.js'
import { readTaskKey } from './taskJournal.js'
import { type NodeReport, readNodeReports } from './taskReport.js'

/** The data of `crynux.task-status/v1`: what anybody can read on chain. Times in Unix seconds, 0 until known. */
export type TaskStatus = {
  taskId: Hex
  state: TaskState
  abortReason: AbortReason | null
  kind: TaskKind
  imageCount: number
  creator: Address
  relay: Address
  argsHash: Hex
  feeWei: string
  deadlines: { commit: number; reveal: number; upload: number }
  nodes: NodeReport[]
  uploader: Address | null
  resultDigest: Hex | null
  redelivery: boolean
}

/**
 * Reads where a task stands.
 *
 * @throws UnknownTaskError (2)
 */
export async function readTaskStatus(chain: ChainReader, { taskId }: { taskId: Hex }): Promise<TaskStatus> {
  const task = await readTask(chain, { taskId })
  if (!task) throw new UnknownTaskError(taskId)
  const { state, abortReason, kind, imageCount, creator, relay, argsHash, uploader, resultDigest, redelivery } = task
  return {
    taskId,
    state,
    abortReason,
    kind,
    imageCount,
    creator,
    relay,
    argsHash,
    feeWei: task.feeWei.toString(),
    deadlines: { commit: task.commitDeadline, reveal: task.revealDeadline, upload: task.uploadDeadline },
    nodes: await readNodeReports(chain, task),
    uploader,
    resultDigest,
    redelivery,
  }
}

/** One line of `crynux.task-list/v1`. */
export type ListedTask = {
  taskId: Hex
  /** What the task was submitted with; null when that was not from this data folder. */
  key: string | null
  /** Unix seconds of the block that queued it. */
  createdAt: number
  state: TaskState
  abortReason: AbortReason | null
  kind: TaskKind
  feeWei: string
}

/**
 * Lists what an account created, newest last.
 *
 * @param dataFolder where the keys of its tasks are remembered; without it they are null.
 */
export async function listTasks(
  chain: ChainReader,
  { creator, limit, dataFolder }: { creator: Address; limit: number; dataFolder?: string },
): Promise<ListedTask[]> {
  const creations = (await readTaskCreations(chain, { creator })).slice(-limit)
  const { chainId, contracts } = chain.profile
  const tasks = await Promise.all(
    creations.map(async ({ taskId, blockNumber }) => {
      const [task, createdAt, key] = await Promise.all([
        readTask(chain, { taskId }),
        readBlockTime(chain, { blockNumber }),
        dataFolder === undefined
          ? null
          : // A damaged journal is for the task's own commands to complain about.
            readTaskKey({ dataFolder, chainId, consensus: contracts.consensus, taskId }).catch(() => null),
      ])
      return task && { task, createdAt, key }
    }),
  )
  return tasks.flatMap((listed) => {
    if (!listed) return []
    const { task, createdAt, key } = listed
    const { id: taskId, state, abortReason, kind, feeWei } = task
    return [{ taskId, key, createdAt, state, abortReason, kind, feeWei: feeWei.toString() }]
  })
}
