import { encodeFunctionData } from 'viem'
import type { Hex } from '../../base/hex.js'
import type { Outcome } from '../../protocol/outcome.js'
import { taskConsensusAbi } from '../abi.generated.js'
import type { ChainWriter } from '../client.js'
import { SETTLEMENT_GAS, type Sent, sendContractCall } from '../send.js'

/** A drawn node shows what it promised. `slot` says which of the three it is. */
export async function revealOutcome(
  chain: ChainWriter,
  { taskId, slot, outcome, score, salt }: { taskId: Hex; slot: number; outcome: Outcome; score: Hex; salt: Hex },
): Promise<Sent> {
  const { sent } = await sendContractCall(chain, {
    to: chain.profile.contracts.consensus,
    data: encodeFunctionData({
      abi: taskConsensusAbi,
      functionName: 'reveal',
      args: [taskId, BigInt(slot), outcome, score, salt],
    }),
    // Whoever speaks last pays for the verdict, and who is last can change after the estimate.
    extraGas: SETTLEMENT_GAS,
  })
  return sent
}
