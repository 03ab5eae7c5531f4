import type { ChainReader } from '../../chain/client.js'
import { type VerifiedNetwork, verifyDeployment } from '../../chain/deployment/verifyDeployment.js'

/** A network that is what its profile and this program's build say. */
export type NetworkVerification = VerifiedNetwork & {
  name: string
  chainId: number
  /** What the profile says, and was compared; profiles of older programs say less. */
  compared: { owner: boolean; parameters: number }
}

/**
 * Compares a network with this program's build and with its profile.
 *
 * @throws DeploymentDiffersError (11) naming the first difference
 */
export async function verifyNetwork(chain: ChainReader): Promise<NetworkVerification> {
  const { name, chainId, owner, parameters } = chain.profile
  const verified = await verifyDeployment(chain, { owner, parameters })
  const compared = { owner: owner !== undefined, parameters: Object.keys(parameters ?? {}).length }
  return { name, chainId, ...verified, compared }
}
