import { encodeFunctionData } from 'viem'
import type { Address } from '../../base/hex.js'
import { nodeRegistryAbi } from '../abi.generated.js'
import type { ChainWriter } from '../client.js'
import { type Sent, sendContractCall } from '../send.js'

/** Names another account for earnings and returned stake; takes effect after one unbonding period. */
export async function setBeneficiary(chain: ChainWriter, { beneficiary }: { beneficiary: Address }): Promise<Sent> {
  const { sent } = await sendContractCall(chain, {
    to: chain.profile.contracts.registry,
    data: encodeFunctionData({ abi: nodeRegistryAbi, functionName: 'setBeneficiary', args: [beneficiary] }),
  })
  return sent
}
