import type { Address } from '../../base/hex.js'
import { taskConsensusAbi } from '../abi.generated.js'
import { call } from '../call.js'
import type { ChainReader } from '../client.js'
import { readRelayUrl } from './relayUrl.js'

/** The relays that the network trusts: signer and public URL of each. */
export async function readRelays(chain: ChainReader): Promise<{ address: Address; url: string }[]> {
  const signers = await call(
    chain.client.readContract({
      address: chain.profile.contracts.consensus,
      abi: taskConsensusAbi,
      functionName: 'relays',
    }),
  )
  const relays = await Promise.all(
    signers.map(async (address) => ({ address, url: await readRelayUrl(chain, { relay: address }) })),
  )
  return relays.flatMap(({ address, url }) => (url === null ? [] : [{ address, url }]))
}
