import type { Address, Hex } from '../../base/hex.js'
import type { ChainReader } from '../../chain/client.js'
import { readCreatedTasks } from '../../chain/read/createdTasks.js'
import { type AbortReason, readTask, type TaskKind, type TaskState } from '../../chain/read/task.js'
import { UnknownTaskError } from './taskErrors.js'
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
  state: TaskState
  abortReason: AbortReason | null
  kind: TaskKind
  feeWei: string
}

/** Lists what an account created, newest last. */
export async function listTasks(
  chain: ChainReader,
  { creator, limit }: { creator: Address; limit: number },
): Promise<ListedTask[]> {
  const ids = (await readCreatedTasks(chain, { creator })).slice(-limit)
  const tasks = await Promise.all(ids.map((taskId) => readTask(chain, { taskId })))
  return tasks.flatMap((task) =>
    task
      ? [
          {
            taskId: task.id,
            state: task.state,
            abortReason: task.abortReason,
            kind: task.kind,
            feeWei: task.feeWei.toString(),
          },
        ]
      : [],
  )
}
