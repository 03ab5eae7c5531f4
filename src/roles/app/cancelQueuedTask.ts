import { CrynuxError, EXIT } from '../../base/errors.js'
import type { Hex } from '../../base/hex.js'
import { readTask } from '../../chain/read/task.js'
import { cancelTask } from '../../chain/write/cancelTask.js'
import { readOwnTask } from './submitTask.js'
import type { AppDependencies } from './taskSession.js'

/** The data of `crynux.task-cancel/v1`; `transaction` null when it had been cancelled before. */
export type CancelResult = { taskId: Hex; refundWei: string; transaction: { hash: Hex; gasUsed: string } | null }

/**
 * Takes back a task that no nodes are drawn for yet; the whole fee returns to the ledger balance. Repeating it does nothing.
 *
 * @throws NotCancellableError (2), NotYourTaskError (2)
 */
export async function cancelQueuedTask(
  dependencies: AppDependencies,
  { taskId }: { taskId: Hex },
): Promise<CancelResult> {
  const { chain } = dependencies
  const task = await readOwnTask(dependencies, taskId)
  const refundWei = task.feeWei.toString()
  if (task.abortReason === 'cancelled') return { taskId, refundWei, transaction: null }
  if (task.state !== 'queued') throw new NotCancellableError(taskId, task.state)
  try {
    const { hash, gasUsed } = await cancelTask(chain, { taskId })
    return { taskId, refundWei, transaction: { hash, gasUsed: gasUsed.toString() } }
  } catch (error) {
    const now = await readTask(chain, { taskId })
    if (now && now.state !== 'queued' && now.abortReason !== 'cancelled')
      throw new NotCancellableError(taskId, now.state)
    throw error
  }
}

/** Nodes are at work, or the task is over: exit status 2. */
export class NotCancellableError extends CrynuxError {
  override readonly code = 'CRYNUX_NOT_CANCELLABLE'
  override readonly exitCode = EXIT.usage
  constructor(taskId: Hex, state: string) {
    super(`task ${taskId} is ${state}; only a queued task can be cancelled`, {
      remedy: 'Wait for its end with `crynux task wait`.',
      details: { taskId, state },
    })
  }
}
