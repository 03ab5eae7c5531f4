import type { Address, Hex } from '../../base/hex.js'
import { nodeRegistryAbi } from '../abi.generated.js'
import { call } from '../call.js'
import type { ChainReader } from '../client.js'

export type NodeStatus = 'none' | 'available' | 'busy' | 'paused' | 'pausePending' | 'leavePending' | 'unbonding'

/** Everything that the chain knows about one node. Times in Unix seconds. */
export type ChainNode = {
  address: Address
  status: NodeStatus
  stakeWei: bigint
  /** keccak256 of the model's name. */
  gpuModel: Hex
  vramGb: number
  /** X25519 public key, 32 bytes. */
  encryptionKey: Hex
  /** Where earnings and returned stake go. */
  beneficiary: Address
  pendingBeneficiary: Address | null
  /** 0 when no change is waiting. */
  beneficiaryChangeAt: number
  /** 0 unless unbonding. */
  unbondingEndsAt: number
}

/** In the order of the contract's enum. */
const STATUSES = ['none', 'available', 'busy', 'paused', 'pausePending', 'leavePending', 'unbonding'] as const

/** Reads one node; one that never joined, or is gone, has status `none`. */
export async function readNode(chain: ChainReader, { node }: { node: Address }): Promise<ChainNode> {
  const view = await call(
    chain.client.readContract({
      address: chain.profile.contracts.registry,
      abi: nodeRegistryAbi,
      functionName: 'node',
      args: [node],
    }),
  )
  return {
    address: node,
    status: STATUSES[view.status] ?? 'none',
    stakeWei: view.stakeWei,
    gpuModel: view.gpuModel,
    vramGb: view.vramGb,
    encryptionKey: view.encryptionKey,
    beneficiary: view.beneficiary,
    pendingBeneficiary: /^0x0*$/.test(view.pendingBeneficiary) ? null : view.pendingBeneficiary,
    beneficiaryChangeAt: Number(view.beneficiaryChangeAt),
    unbondingEndsAt: Number(view.unbondingEndsAt),
  }
}
