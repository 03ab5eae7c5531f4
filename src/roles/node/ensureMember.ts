import { InvalidInputError } from '../../base/errors.js'
import type { Address, Hex } from '../../base/hex.js'
import type { Logger } from '../../base/logger.js'
import { formatCnx } from '../../base/units.js'
import type { ChainWriter } from '../../chain/client.js'
import { type ChainNode, readNode } from '../../chain/read/node.js'
import { readParameters } from '../../chain/read/parameters.js'
import { joinNetwork } from '../../chain/write/joinNetwork.js'
import { resumeNode } from '../../chain/write/resumeNode.js'
import { setEncryptionKey } from '../../chain/write/setEncryptionKey.js'
import { setHardware } from '../../chain/write/setHardware.js'

export type MembershipOptions = {
  /** Stake for joining; default: the network's minimum. */
  stakeWei?: bigint | undefined
  /** keccak256 of the GPU model's name. */
  gpuModel: Hex
  vramGb: number
  /** True when a member that the chain knows with other hardware is to be corrected: somebody said or found out what it is. */
  hardwareIsKnown?: boolean | undefined
  encryptionKey: Hex
  beneficiary?: Address | undefined
}

/**
 * Makes the wallet a member that can be drawn: joins with stake, resumes, or sets a new encryption key, whichever is missing.
 * Repeating it changes nothing.
 *
 * @throws InsufficientFundsError when the wallet cannot pay the stake; InvalidInputError while it is unbonding.
 */
export async function ensureMember(
  { chain, logger }: { chain: ChainWriter; logger: Logger },
  options: MembershipOptions,
): Promise<ChainNode> {
  const me = chain.account.address
  const node = await readNode(chain, { node: me })
  switch (node.status) {
    case 'unbonding':
      throw new InvalidInputError(`node ${me} has left and its stake is unbonding`, {
        remedy: 'Withdraw it with `crynux unstake` when the time is over, then start the node again.',
      })
    case 'none': {
      const stakeWei = options.stakeWei ?? (await readParameters(chain)).minimumStakeWei
      const { gpuModel, vramGb, encryptionKey, beneficiary } = options
      const { hash } = await joinNetwork(chain, {
        stakeWei,
        gpuModel,
        vramGb,
        encryptionKey,
        ...(beneficiary ? { beneficiary } : {}),
      })
      logger.info({ node: me, transaction: hash, step: 'join' }, `joined with ${formatCnx(stakeWei)} CNX`)
      break
    }
    case 'paused':
    case 'pausePending':
      if (node.status === 'paused' && node.encryptionKey !== options.encryptionKey) {
        await setEncryptionKey(chain, { encryptionKey: options.encryptionKey })
      }
      if (node.status === 'paused') await correctHardware()
      await resumeNode(chain)
      logger.info({ node: me, step: 'resume' }, 'resumed')
      break
    default:
      if (node.status === 'available' && node.encryptionKey !== options.encryptionKey) {
        await setEncryptionKey(chain, { encryptionKey: options.encryptionKey })
      }
      if (node.status === 'available') await correctHardware()
  }
  return readNode(chain, { node: me })

  /**
   * What the chain refuses because of an earlier change is an error here, too: text goes to three nodes of one model, and one that is
   * known as another would lose its stake for an honest answer.
   */
  async function correctHardware(): Promise<void> {
    const { gpuModel, vramGb, hardwareIsKnown } = options
    if (!hardwareIsKnown || (gpuModel.toLowerCase() === node.gpuModel.toLowerCase() && vramGb === node.vramGb)) return
    await setHardware(chain, { gpuModel, vramGb })
    logger.info({ node: me, step: 'hardware' }, 'the chain knows the new hardware')
  }
}
