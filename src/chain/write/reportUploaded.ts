import { encodeFunctionData } from 'viem'
import type { Hex } from '../../base/hex.js'
import { taskConsensusAbi } from '../abi.generated.js'
import type { ChainWriter } from '../client.js'
import { type Sent, sendContractCall } from '../send.js'

/** The uploader shows the relay's receipt for the sealed result. */
export async function reportUploaded(
  chain: ChainWriter,
  { taskId, resultDigest, sizeBytes, signature }: { taskId: Hex; resultDigest: Hex; sizeBytes: bigint; signature: Hex },
): Promise<Sent> {
  const { sent } = await sendContractCall(chain, {
    to: chain.profile.contracts.consensus,
    data: encodeFunctionData({
      abi: taskConsensusAbi,
      functionName: 'reportUploaded',
      args: [taskId, resultDigest, sizeBytes, signature],
    }),
  })
  return sent
}
