import { encodeFunctionData } from 'viem'
import type { Hex } from '../../base/hex.js'
import { taskConsensusAbi } from '../abi.generated.js'
import type { ChainWriter } from '../client.js'
import { SETTLEMENT_GAS, type Sent, sendContractCall } from '../send.js'

/** Moves a task on that is past a deadline. */
export async function advanceTask(chain: ChainWriter, { taskId }: { taskId: Hex }): Promise<Sent> {
  const { sent } = await sendContractCall(chain, {
    to: chain.profile.contracts.consensus,
    data: encodeFunctionData({ abi: taskConsensusAbi, functionName: 'advance', args: [taskId] }),
    // Whoever speaks last pays for the verdict, and who is last can change after the estimate.
    extraGas: SETTLEMENT_GAS,
  })
  return sent
}
