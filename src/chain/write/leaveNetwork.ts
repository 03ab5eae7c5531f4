import { encodeFunctionData } from 'viem'
import { nodeRegistryAbi } from '../abi.generated.js'
import type { ChainWriter } from '../client.js'
import { type Sent, sendContractCall } from '../send.js'

/** Begins the unbonding of the wallet's node; while it is busy, as soon as its task lets go of it. */
export async function leaveNetwork(chain: ChainWriter): Promise<Sent> {
  const { sent } = await sendContractCall(chain, {
    to: chain.profile.contracts.registry,
    data: encodeFunctionData({ abi: nodeRegistryAbi, functionName: 'leave' }),
  })
  return sent
}
