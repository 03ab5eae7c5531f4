import type { Address } from '../../base/hex.js'
import { taskConsensusAbi } from '../abi.generated.js'
import { call } from '../call.js'
import type { ChainReader } from '../client.js'

/** The public URL of a relay, by its signer's address; null when the network has no such relay. */
export async function readRelayUrl(chain: ChainReader, { relay }: { relay: Address }): Promise<string | null> {
  const url = await call(
    chain.client.readContract({
      address: chain.profile.contracts.consensus,
      abi: taskConsensusAbi,
      functionName: 'relayUrl',
      args: [relay],
    }),
  )
  return url === '' ? null : url
}
