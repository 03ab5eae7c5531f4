import { encodeFunctionData } from 'viem'
import { nodeRegistryAbi } from '../abi.generated.js'
import type { ChainWriter } from '../client.js'
import { type Sent, sendContractCall } from '../send.js'

/** Takes the wallet's node out of the draw; while it is busy, as soon as its task lets go of it. */
export async function pauseNode(chain: ChainWriter): Promise<Sent> {
  const { sent } = await sendContractCall(chain, {
    to: chain.profile.contracts.registry,
    data: encodeFunctionData({ abi: nodeRegistryAbi, functionName: 'pause' }),
  })
  return sent
}
