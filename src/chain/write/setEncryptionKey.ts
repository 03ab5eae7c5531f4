import { encodeFunctionData } from 'viem'
import type { Hex } from '../../base/hex.js'
import { nodeRegistryAbi } from '../abi.generated.js'
import type { ChainWriter } from '../client.js'
import { type Sent, sendContractCall } from '../send.js'

/** Registers another X25519 public key for the wallet's node; not while it is busy. */
export async function setEncryptionKey(chain: ChainWriter, { encryptionKey }: { encryptionKey: Hex }): Promise<Sent> {
  const { sent } = await sendContractCall(chain, {
    to: chain.profile.contracts.registry,
    data: encodeFunctionData({ abi: nodeRegistryAbi, functionName: 'setEncryptionKey', args: [encryptionKey] }),
  })
  return sent
}
