import { encodeFunctionData } from 'viem'
import type { Address } from '../../base/hex.js'
import { taskConsensusAbi } from '../abi.generated.js'
import type { ChainWriter } from '../client.js'
import { type Sent, sendContractCall } from '../send.js'

/** Adds a relay by its signer, or changes its public URL; only the network's owner can. */
export async function setRelay(chain: ChainWriter, { relay, url }: { relay: Address; url: string }): Promise<Sent> {
  const { sent } = await sendContractCall(chain, {
    to: chain.profile.contracts.consensus,
    data: encodeFunctionData({ abi: taskConsensusAbi, functionName: 'setRelay', args: [relay, url] }),
  })
  return sent
}
