import type { Address } from '../../base/hex.js'
import type { Logger } from '../../base/logger.js'
import type { ChainWriter } from '../../chain/client.js'
import { type NodeStatus, readNode } from '../../chain/read/node.js'
import type { ChainTask } from '../../chain/read/task.js'
import { pauseNode } from '../../chain/write/pauseNode.js'
import { resumeNode } from '../../chain/write/resumeNode.js'
import { RemovedError } from './nodeErrors.js'

/** Follows what the contract and the operator do to the node's status. */
export type MembershipWatch = {
  /**
   * Looks at the status; a node that a penalty paused goes back into the draw when it may.
   *
   * @returns false when the node has left the network.
   * @throws RemovedError when it was slashed or removed.
   */
  check(options: { mayResume: boolean }): Promise<boolean>
  /** Notes that a task has ended in which the node may have been silent. */
  taskEnded(task: ChainTask): void
  /** Takes the node out of the draw before it stops; a failure is only logged. */
  leaveDraw(): Promise<void>
}

/** Watches one node's own membership. */
export function createMembershipWatch({ chain, logger }: { chain: ChainWriter; logger: Logger }): MembershipWatch {
  const me: Address = chain.account.address
  let lastStatus: NodeStatus | undefined
  /** A silence penalty pauses the node; one that is alive puts itself back. An operator's pause stays. */
  let resumeDue = false
  return {
    async check({ mayResume }) {
      const { status } = await readNode(chain, { node: me })
      if (status === 'none') throw new RemovedError(me)
      if (status === 'unbonding') {
        logger.info({ node: me, step: 'leave' }, 'left the network')
        return false
      }
      // An operator's pause passes through pausePending while busy; only a penalty leads straight from busy to paused.
      if (status === 'paused' && lastStatus === 'busy') resumeDue = true
      lastStatus = status
      if (status === 'paused' && resumeDue && mayResume) {
        await resumeNode(chain)
        logger.warn({ node: me, step: 'resume' }, 'was silent and penalised; back in the draw')
      }
      if (status !== 'busy') resumeDue = false
      return true
    },
    taskEnded(task) {
      const slot = task.slots.find((each) => each.node.toLowerCase() === me.toLowerCase())
      if (slot && !slot.revealed) resumeDue = true
    },
    async leaveDraw() {
      try {
        const { status } = await readNode(chain, { node: me })
        if (status === 'available' || status === 'busy') await pauseNode(chain)
      } catch (error) {
        logger.warn({ node: me, error, step: 'pause' }, 'could not pause before stopping')
      }
    },
  }
}
