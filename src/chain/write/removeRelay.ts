import { encodeFunctionData } from 'viem'
import type { Address } from '../../base/hex.js'
import { taskConsensusAbi } from '../abi.generated.js'
import type { ChainWriter } from '../client.js'
import { type Sent, sendContractCall } from '../send.js'

/** Takes a relay off the network's list; only the network's owner can. Tasks that named it can still be delivered. */
export async function removeRelay(chain: ChainWriter, { relay }: { relay: Address }): Promise<Sent> {
  const { sent } = await sendContractCall(chain, {
    to: chain.profile.contracts.consensus,
    data: encodeFunctionData({ abi: taskConsensusAbi, functionName: 'removeRelay', args: [relay] }),
  })
  return sent
}
