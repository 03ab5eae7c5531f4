import { InvalidInputError } from '../../base/errors.js'
import type { Address, Hex } from '../../base/hex.js'
import type { ChainWriter } from '../../chain/client.js'
import { type NodeStatus, readNode } from '../../chain/read/node.js'
import { increaseStake } from '../../chain/write/increaseStake.js'
import { joinNetwork } from '../../chain/write/joinNetwork.js'
import { encryptionKeyFromSecret } from '../../protocol/encryptionKey.js'
import type { Wallet } from '../../protocol/wallet.js'

export type StakeOptions = {
  amountWei: bigint
  /** keccak256 of the GPU model's name; needed for joining only, as is vramGb. */
  gpuModel?: Hex | undefined
  vramGb?: number | undefined
  beneficiary?: Address | undefined
}

export type StakeReport = {
  node: Address
  action: 'joined' | 'increased'
  status: NodeStatus
  addedWei: bigint
  stakeWei: bigint
  transaction: Hex
}

/**
 * Locks CNX as the stake of the wallet's node: one that is in the network gets more stake, any other joins with it.
 *
 * @throws InvalidInputError when a wallet that is no node names no hardware
 */
export async function stake(
  { chain, wallet }: { chain: ChainWriter; wallet: Wallet },
  { amountWei, gpuModel, vramGb, beneficiary }: StakeOptions,
): Promise<StakeReport> {
  const node = wallet.address
  if (amountWei === 0n) {
    throw new InvalidInputError('a stake of 0 CNX changes nothing', { remedy: 'Name an amount above 0, e.g. 400.' })
  }
  const isMember = (await readNode(chain, { node })).status !== 'none'
  let transaction: Hex
  if (isMember) {
    transaction = (await increaseStake(chain, { amountWei })).hash
  } else {
    if (gpuModel === undefined || vramGb === undefined) {
      throw new InvalidInputError(`wallet ${node} is no node yet, and no hardware is named for joining`, {
        remedy: 'Add --gpu-model and --vram-gb, or let `crynux node start` join.',
      })
    }
    const { publicKey } = encryptionKeyFromSecret(wallet.deriveSecret({ use: 'node encryption key' }))
    const request = { stakeWei: amountWei, gpuModel, vramGb, encryptionKey: publicKey, beneficiary }
    transaction = (await joinNetwork(chain, request)).hash
  }
  const { status, stakeWei } = await readNode(chain, { node })
  return { node, action: isMember ? 'increased' : 'joined', status, addedWei: amountWei, stakeWei, transaction }
}
