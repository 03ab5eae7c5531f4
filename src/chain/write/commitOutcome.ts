import { encodeFunctionData } from 'viem'
import type { Hex } from '../../base/hex.js'
import { taskConsensusAbi } from '../abi.generated.js'
import type { ChainWriter } from '../client.js'
import { SETTLEMENT_GAS, type Sent, sendContractCall } from '../send.js'

/** A drawn node's promise of its outcome (protocol §4). `slot` says which of the three it is. */
export async function commitOutcome(
  chain: ChainWriter,
  { taskId, slot, commitment }: { taskId: Hex; slot: number; commitment: Hex },
): Promise<Sent> {
  const { sent } = await sendContractCall(chain, {
    to: chain.profile.contracts.consensus,
    data: encodeFunctionData({
      abi: taskConsensusAbi,
      functionName: 'commit',
      args: [taskId, BigInt(slot), commitment],
    }),
    // Whoever speaks last pays for the verdict, and who is last can change after the estimate.
    extraGas: SETTLEMENT_GAS,
  })
  return sent
}
