import { CrynuxError, EXIT } from '../../base/errors.js'
import type { Address, Hex } from '../../base/hex.js'
import { formatCnx } from '../../base/units.js'
import type { ChainTask } from '../../chain/read/task.js'

const ABORT_EXPLANATIONS: Record<NonNullable<ChainTask['abortReason']>, { what: string; remedy: string }> = {
  cancelled: { what: 'it was cancelled', remedy: 'Submit it again with another --key.' },
  notEnoughReveals: {
    what: 'fewer than two of its three nodes answered in time',
    remedy: 'Submit it again with another --key, perhaps with a longer --timeout.',
  },
  noAgreement: {
    what: 'its nodes did not agree on a result',
    remedy: 'Submit it again with another --key: other nodes will be drawn.',
  },
  invalidArguments: {
    what: 'its nodes agreed that the arguments are invalid',
    remedy: 'Check the arguments, for example with `crynux infer`, and submit again.',
  },
  argumentsUnavailable: {
    what: 'its nodes could not get the arguments',
    remedy: 'Submit it again with another --key, and leave this program running until the arguments are sent.',
  },
  modelUnavailable: {
    what: 'its nodes do not have a model that it names, or cannot run it with these models',
    remedy:
      'Try it with `crynux infer`, which says what cannot be run; choose other models, or ask the operators of nodes to install these.',
  },
  notUploaded: {
    what: 'no node delivered the result in time',
    remedy: 'Submit it again with another --key: other nodes will be drawn.',
  },
}

/** A task ended without a result: exit status 8. */
export class TaskAbortedError extends CrynuxError {
  override readonly code = 'CRYNUX_TASK_ABORTED'
  override readonly exitCode = EXIT.aborted
  constructor(task: Pick<ChainTask, 'id' | 'abortReason' | 'feeWei'>, { refundWei }: { refundWei: bigint }) {
    const reason = task.abortReason ?? 'noAgreement'
    const { what, remedy } = ABORT_EXPLANATIONS[reason]
    super(
      `task ${task.id} was aborted: ${what}; ${formatCnx(refundWei)} of ${formatCnx(task.feeWei)} CNX are back in your balance`,
      {
        remedy,
        details: {
          taskId: task.id,
          reason,
          feeWei: task.feeWei.toString(),
          refundWei: refundWei.toString(),
        },
      },
    )
  }
}

/** Too few nodes became free in time: exit status 10. The fee stays in escrow until the task is resumed or cancelled. */
export class QueueTimeoutError extends CrynuxError {
  override readonly code = 'CRYNUX_QUEUE_TIMEOUT'
  override readonly exitCode = EXIT.timedOut
  constructor(taskId: Hex, key: string) {
    super(`task ${taskId} still waits for three free nodes`, {
      remedy: `Run the same command with --key ${key} to go on waiting, or \`crynux task cancel ${taskId}\` to get the fee back. Left alone it starts when nodes are free, and costs a part of the fee without a result.`,
      details: { taskId, key },
    })
  }
}

/** Earlier transactions of the wallet do not get into a block: exit status 10. */
export class PendingTransactionsError extends CrynuxError {
  override readonly code = 'CRYNUX_PENDING_TRANSACTIONS'
  override readonly exitCode = EXIT.timedOut
  constructor(account: Address) {
    super(`earlier transactions of ${account} have been waiting for a block for two minutes`, {
      remedy: 'Wait until the chain has taken them, then run the same command again; nothing is paid twice.',
      details: { account },
    })
  }
}

/** The task is paid for, and nobody can deliver a result that stands the test: exit status 11. */
export class NotDeliverableError extends CrynuxError {
  override readonly code = 'CRYNUX_NOT_DELIVERABLE'
  override readonly exitCode = EXIT.verificationFailed
  constructor(taskId: Hex, reason: string, cause?: unknown) {
    super(`task ${taskId} has no usable result: ${reason}`, {
      remedy: 'Nothing was written. Submit it again with another --key.',
      details: { taskId },
      cause,
    })
  }
}

/** The wallet holds less CNX than the deposit needs: exit status 4. */
export class InsufficientTokensError extends CrynuxError {
  override readonly code = 'CRYNUX_INSUFFICIENT_TOKENS'
  override readonly exitCode = EXIT.insufficientFunds
  constructor({ neededWei, heldWei, feeWei }: { neededWei: bigint; heldWei: bigint; feeWei: bigint }) {
    super(
      `the fee is ${formatCnx(feeWei)} CNX; ${formatCnx(neededWei)} CNX of it must come from the wallet, which holds ${formatCnx(heldWei)}`,
      {
        remedy: 'Send CNX to the wallet, or offer a lower --fee. Nothing was paid.',
        details: { feeWei: feeWei.toString(), neededWei: neededWei.toString(), heldWei: heldWei.toString() },
      },
    )
  }
}

/** A followed task still needs its arguments, which only the submitter has: exit status 2. */
export class ArgumentsNeededError extends CrynuxError {
  override readonly code = 'CRYNUX_ARGUMENTS_NEEDED'
  override readonly exitCode = EXIT.usage
  constructor(taskId: Hex) {
    super(`the nodes of task ${taskId} still wait for its arguments`, {
      remedy: 'Run `crynux task submit` again with the same arguments and the same --key.',
      details: { taskId },
    })
  }
}

/** There is no such task: exit status 2. */
export class UnknownTaskError extends CrynuxError {
  override readonly code = 'CRYNUX_UNKNOWN_TASK'
  override readonly exitCode = EXIT.usage
  constructor(taskId: string) {
    super(`the chain knows no task ${taskId}`, {
      remedy: 'Check the id and the --network; `crynux task list` shows the tasks of this wallet.',
      details: { taskId },
    })
  }
}

/** The task's relay is no longer one of the network's: exit status 6. */
export class RelayGoneError extends CrynuxError {
  override readonly code = 'CRYNUX_RELAY_GONE'
  override readonly exitCode = EXIT.relay
  constructor(relay: Address) {
    super(`relay ${relay} is no longer one of the network's relays`, {
      remedy: "Ask the network's operator; the task ends by its deadlines.",
      details: { relay },
    })
  }
}

/** The key names a task with other arguments: exit status 2. */
export class KeyTakenError extends CrynuxError {
  override readonly code = 'CRYNUX_KEY_TAKEN'
  override readonly exitCode = EXIT.usage
  constructor(key: string, taskId: Hex) {
    super(`the key '${key}' was already used for other arguments`, {
      remedy: 'Use another --key for a new task, or the same arguments to resume the old one.',
      details: { key, taskId },
    })
  }
}

/** Fewer than three nodes could ever run the task: exit status 7. */
export class NoNodesError extends CrynuxError {
  override readonly code = 'CRYNUX_NO_NODES'
  override readonly exitCode = EXIT.noNodes
  constructor(able: number) {
    super(`a task needs three nodes, and the network has ${able} that could run this one`, {
      remedy:
        'Nothing was paid. Ask for less (--min-vram-gb), or give --wait-for-nodes to pay now and wait for more nodes.',
      details: { able },
    })
  }
}

/** There is no relay to send the task through: exit status 6. */
export class NoRelayError extends CrynuxError {
  override readonly code = 'CRYNUX_NO_RELAY'
  override readonly exitCode = EXIT.relay
}

/** No task of this wallet: exit status 2. */
export class NotYourTaskError extends CrynuxError {
  override readonly code = 'CRYNUX_NOT_YOUR_TASK'
  override readonly exitCode = EXIT.usage
}

/** The result is asked for while the task is still running: exit status 10. */
export class NotOverError extends CrynuxError {
  override readonly code = 'CRYNUX_TASK_NOT_OVER'
  override readonly exitCode = EXIT.timedOut
  constructor(taskId: Hex, state: string) {
    super(`task ${taskId} is not over yet: it is ${state}`, {
      remedy: `Wait for it with \`crynux task wait ${taskId}\`.`,
      details: { taskId, state },
    })
  }
}
