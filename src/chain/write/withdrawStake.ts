import { encodeFunctionData } from 'viem'
import { nodeRegistryAbi } from '../abi.generated.js'
import type { ChainWriter } from '../client.js'
import { type Sent, sendContractCall } from '../send.js'

/** After unbonding: returns the stake to the node's beneficiary. */
export async function withdrawStake(chain: ChainWriter): Promise<Sent> {
  const { sent } = await sendContractCall(chain, {
    to: chain.profile.contracts.registry,
    data: encodeFunctionData({ abi: nodeRegistryAbi, functionName: 'withdrawStake' }),
  })
  return sent
}
