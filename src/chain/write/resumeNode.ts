import { encodeFunctionData } from 'viem'
import { nodeRegistryAbi } from '../abi.generated.js'
import type { ChainWriter } from '../client.js'
import { type Sent, sendContractCall } from '../send.js'

/** Puts the wallet's node back into the draw, or cancels a pending pause or leave. */
export async function resumeNode(chain: ChainWriter): Promise<Sent> {
  const { sent } = await sendContractCall(chain, {
    to: chain.profile.contracts.registry,
    data: encodeFunctionData({ abi: nodeRegistryAbi, functionName: 'resume' }),
  })
  return sent
}
