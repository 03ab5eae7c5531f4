import { encodeFunctionData, parseEventLogs } from 'viem'
import type { Hex } from '../../base/hex.js'
import { taskConsensusAbi } from '../abi.generated.js'
import type { ChainWriter } from '../client.js'
import { type Sent, sendContractCall } from '../send.js'

/** Above what any draw costs; an estimate would run in a block in which the draw's hash is not known yet. */
const DRAW_GAS = 400_000n

/**
 * Draws the nodes of a queued task, from the block after the creating one on. Anyone may call.
 *
 * @returns `started` false when the draw block's hash is forgotten and a new draw block was fixed: call again in a later block.
 * @throws TransactionRevertedError, e.g. when too few nodes are free.
 */
export async function startTask(chain: ChainWriter, { taskId }: { taskId: Hex }): Promise<Sent & { started: boolean }> {
  const { sent, receipt } = await sendContractCall(chain, {
    to: chain.profile.contracts.consensus,
    data: encodeFunctionData({ abi: taskConsensusAbi, functionName: 'start', args: [taskId] }),
    gas: DRAW_GAS,
  })
  const events = parseEventLogs({ abi: taskConsensusAbi, eventName: 'TaskStarted', logs: receipt.logs })
  return { ...sent, started: events.length > 0 }
}
