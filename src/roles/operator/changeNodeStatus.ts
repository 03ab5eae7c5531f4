import type { Hex } from '../../base/hex.js'
import type { ChainWriter } from '../../chain/client.js'
import { type NodeStatus, readNode } from '../../chain/read/node.js'
import { leaveNetwork } from '../../chain/write/leaveNetwork.js'
import { pauseNode } from '../../chain/write/pauseNode.js'
import { resumeNode } from '../../chain/write/resumeNode.js'
import { NotANodeError } from './unstake.js'

export type NodeStatusChange = 'pause' | 'resume' | 'leave'

export type NodeStatusReport = {
  node: Hex
  before: NodeStatus
  status: NodeStatus
  /** null when the node was in that status already. */
  transaction: Hex | null
}

const CHANGES = {
  pause: { write: pauseNode, reached: ['paused', 'pausePending'] },
  resume: { write: resumeNode, reached: ['available', 'busy'] },
  leave: { write: leaveNetwork, reached: ['unbonding', 'leavePending'] },
} as const satisfies Record<
  NodeStatusChange,
  { write: (chain: ChainWriter) => Promise<{ hash: Hex }>; reached: readonly NodeStatus[] }
>

/**
 * Pauses, resumes or leaves. A busy node finishes its task first. Repeating it changes nothing and costs nothing.
 *
 * @throws NotANodeError; TransactionRevertedError when the node's status does not allow it
 */
export async function changeNodeStatus(
  chain: ChainWriter,
  { change }: { change: NodeStatusChange },
): Promise<NodeStatusReport> {
  const node = chain.account.address
  const { write, reached } = CHANGES[change]
  const before = (await readNode(chain, { node })).status
  if (before === 'none') throw new NotANodeError(node)
  if ((reached as readonly NodeStatus[]).includes(before)) return { node, before, status: before, transaction: null }
  const { hash } = await write(chain)
  return { node, before, status: (await readNode(chain, { node })).status, transaction: hash }
}
