import { encodeFunctionData, parseEventLogs } from 'viem'
import type { Hex } from '../../base/hex.js'
import { taskConsensusAbi } from '../abi.generated.js'
import type { ChainWriter } from '../client.js'
import { TransactionRevertedError } from '../revert.js'
import { type ContractCall, estimateGas, type Sent, sendContractCall } from '../send.js'

/** For a draw that cannot be estimated yet; what a draw costs, with much to spare. */
const DRAW_GAS = 600_000n

/**
 * Draws the nodes of a queued task, from the block after the creating one on. Anyone may call.
 *
 * @returns `started` false when the draw block's hash is forgotten and a new draw block was fixed: call again in a later block.
 * @throws TransactionRevertedError, e.g. when too few nodes are free; that costs nothing.
 */
export async function startTask(chain: ChainWriter, { taskId }: { taskId: Hex }): Promise<Sent & { started: boolean }> {
  const start = startCall(chain, taskId)
  const { sent, receipt } = await sendContractCall(chain, { ...start, gas: await gasOf(chain, start) })
  const events = parseEventLogs({ abi: taskConsensusAbi, eventName: 'TaskStarted', logs: receipt.logs })
  return { ...sent, started: events.length > 0 }
}

/** Whether a start would draw nodes now, for nothing. */
export async function canStartTask(chain: ChainWriter, { taskId }: { taskId: Hex }): Promise<boolean> {
  try {
    await estimateGas(chain, startCall(chain, taskId))
    return true
  } catch (error) {
    if (error instanceof TransactionRevertedError) return false
    throw error
  }
}

const startCall = (chain: ChainWriter, taskId: Hex): ContractCall => ({
  to: chain.profile.contracts.consensus,
  data: encodeFunctionData({ abi: taskConsensusAbi, functionName: 'start', args: [taskId] }),
})

/** An estimate runs in the newest block; right after the creation that is one block too early, and the transaction comes later. */
async function gasOf(chain: ChainWriter, start: ContractCall): Promise<bigint> {
  try {
    const estimate = await estimateGas(chain, start)
    return estimate > DRAW_GAS ? estimate : DRAW_GAS
  } catch (error) {
    if (error instanceof TransactionRevertedError && error.errorName === 'TaskConsensus_DrawTooEarly') return DRAW_GAS
    throw error
  }
}
