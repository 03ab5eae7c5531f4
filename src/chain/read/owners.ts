import type { Address } from '../../base/hex.js'
import { nodeRegistryAbi } from '../abi.generated.js'
import { call } from '../call.js'
import type { ChainReader } from '../client.js'

/** Who owns a contract, and to whom it was offered, if to anybody. */
export type Ownership = { owner: Address; pendingOwner: Address | null }

const NOBODY = `0x${'0'.repeat(40)}`

/** Who owns each contract of the network; the token has no owner. */
export async function readOwners(
  chain: ChainReader,
): Promise<Record<'incentivePool' | 'registry' | 'consensus', Ownership>> {
  const { contracts } = chain.profile
  const ownershipOf = async (contract: 'incentivePool' | 'registry' | 'consensus'): Promise<Ownership> => {
    const read = (functionName: 'owner' | 'pendingOwner') =>
      // Each of the three has both from OpenZeppelin's Ownable2Step.
      call(chain.client.readContract({ address: contracts[contract], abi: nodeRegistryAbi, functionName }))
    const [owner, pendingOwner] = await Promise.all([read('owner'), read('pendingOwner')])
    return { owner, pendingOwner: pendingOwner === NOBODY ? null : pendingOwner }
  }
  const [incentivePool, registry, consensus] = await Promise.all([
    ownershipOf('incentivePool'),
    ownershipOf('registry'),
    ownershipOf('consensus'),
  ])
  return { incentivePool, registry, consensus }
}
