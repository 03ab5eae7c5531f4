import { CrynuxError, EXIT } from '../../base/errors.js'
import type { Address, Hex } from '../../base/hex.js'

/** The node was slashed or withdrew: it is no member any more. */
export class RemovedError extends CrynuxError {
  override readonly code = 'CRYNUX_NODE_REMOVED'
  override readonly exitCode = EXIT.slashed
  constructor(node: Address) {
    super(`node ${node} is no longer a member of the network`, {
      remedy: 'It was slashed or left. See `crynux stats node <address>` for what happened before you join again.',
      details: { node },
    })
  }
}

/** A node commits once to a task, and never to something else. */
export class ForeignCommitmentError extends CrynuxError {
  override readonly code = 'CRYNUX_FOREIGN_COMMITMENT'
  override readonly exitCode = EXIT.internal
  constructor(taskId: Hex) {
    super(`task ${taskId} was already committed to with another outcome`, {
      remedy: 'The journal and the wallet do not belong together; use one data folder for one wallet.',
      details: { taskId },
    })
  }
}

/** A receipt over other files than those uploaded would make this node answer for them. */
export class UntrueReceiptError extends CrynuxError {
  override readonly code = 'CRYNUX_UNTRUE_RECEIPT'
  override readonly exitCode = EXIT.relay
  constructor(taskId: Hex) {
    super(`the relay's receipt for task ${taskId} does not name the files that were uploaded`, {
      remedy: 'The relay is broken or dishonest; nothing was reported on chain.',
      details: { taskId },
    })
  }
}

/** The task names a relay that the network's owner has removed. */
export class UnknownRelayError extends CrynuxError {
  override readonly code = 'CRYNUX_UNKNOWN_RELAY'
  override readonly exitCode = EXIT.relay
  constructor(relay: Address) {
    super(`relay ${relay} is not listed on chain`, {
      remedy: 'Its owner must register it again; until then its tasks cannot be served.',
      details: { relay },
    })
  }
}
