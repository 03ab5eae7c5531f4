import { encodeFunctionData } from 'viem'
import { nodeRegistryAbi } from '../abi.generated.js'
import type { ChainWriter } from '../client.js'
import { signPermit } from '../permit.js'
import { type Sent, sendContractCall } from '../send.js'

/** Adds CNX to the stake of the wallet's node. */
export async function increaseStake(chain: ChainWriter, { amountWei }: { amountWei: bigint }): Promise<Sent> {
  const { registry } = chain.profile.contracts
  const permit = await signPermit(chain, { spender: registry, amountWei })
  const { sent } = await sendContractCall(chain, {
    to: registry,
    data: encodeFunctionData({
      abi: nodeRegistryAbi,
      functionName: 'increaseStakeWithPermit',
      args: [amountWei, ...permit],
    }),
  })
  return sent
}
