import { encodeFunctionData } from 'viem'
import type { Hex } from '../../base/hex.js'
import { taskConsensusAbi } from '../abi.generated.js'
import type { ChainWriter } from '../client.js'
import { type Sent, sendContractCall } from '../send.js'

/** Shows the relay's proof that the upload does not match the agreed score; its uploader is slashed. */
export async function reportFault(
  chain: ChainWriter,
  { taskId, resultDigest, signature }: { taskId: Hex; resultDigest: Hex; signature: Hex },
): Promise<Sent> {
  const { sent } = await sendContractCall(chain, {
    to: chain.profile.contracts.consensus,
    data: encodeFunctionData({
      abi: taskConsensusAbi,
      functionName: 'reportFault',
      args: [taskId, resultDigest, signature],
    }),
  })
  return sent
}
