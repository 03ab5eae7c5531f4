import { encodeFunctionData, zeroAddress } from 'viem'
import type { Address, Hex } from '../../base/hex.js'
import { nodeRegistryAbi } from '../abi.generated.js'
import type { ChainWriter } from '../client.js'
import { signPermit } from '../permit.js'
import { type Sent, sendContractCall } from '../send.js'

export type JoinRequest = {
  /** At least the network's minimum. */
  stakeWei: bigint
  /** keccak256 of the model's name. */
  gpuModel: Hex
  vramGb: number
  /** X25519 public key, 32 bytes. */
  encryptionKey: Hex
  /** Where earnings and returned stake go; default: the wallet itself. */
  beneficiary?: Address | undefined
}

/** Locks the stake and makes the wallet an available node, in one transaction. */
export async function joinNetwork(chain: ChainWriter, request: JoinRequest): Promise<Sent> {
  const { registry } = chain.profile.contracts
  const { stakeWei, gpuModel, vramGb, encryptionKey, beneficiary = zeroAddress } = request
  const permit = await signPermit(chain, { spender: registry, amountWei: stakeWei })
  const { sent } = await sendContractCall(chain, {
    to: registry,
    data: encodeFunctionData({
      abi: nodeRegistryAbi,
      functionName: 'joinWithPermit',
      args: [stakeWei, gpuModel, vramGb, encryptionKey, beneficiary, ...permit],
    }),
  })
  return sent
}
