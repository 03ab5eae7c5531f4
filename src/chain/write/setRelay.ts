import { encodeFunctionData } from 'viem'
import type { Address } from '../../base/hex.js'
import { taskConsensusAbi } from '../abi.generated.js'
import type { ChainWriter } from '../client.js'
import { type Sent, sendContractCall } from '../send.js'

/** Registers a relay, or changes its public address. Only the network's owner may. */
export async function setRelay(chain: ChainWriter, { relay, url }: { relay: Address; url: string }): Promise<Sent> {
  const { sent } = await sendContractCall(chain, {
    to: chain.profile.contracts.consensus,
    data: encodeFunctionData({ abi: taskConsensusAbi, functionName: 'setRelay', args: [relay, url] }),
  })
  return sent
}
