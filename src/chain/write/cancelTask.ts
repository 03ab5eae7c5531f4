import { encodeFunctionData } from 'viem'
import type { Hex } from '../../base/hex.js'
import { taskConsensusAbi } from '../abi.generated.js'
import type { ChainWriter } from '../client.js'
import { type Sent, sendContractCall } from '../send.js'

/** Takes back a queued task with full refund; only its creator can. */
export async function cancelTask(chain: ChainWriter, { taskId }: { taskId: Hex }): Promise<Sent> {
  const { sent } = await sendContractCall(chain, {
    to: chain.profile.contracts.consensus,
    data: encodeFunctionData({ abi: taskConsensusAbi, functionName: 'cancel', args: [taskId] }),
  })
  return sent
}
