import { encodeFunctionData, erc20Abi } from 'viem'
import type { Address } from '../../base/hex.js'
import type { ChainWriter } from '../client.js'
import { type Sent, sendContractCall } from '../send.js'

/** Sends CNX from the wallet to an account. */
export async function transferToken(
  chain: ChainWriter,
  { to, amountWei }: { to: Address; amountWei: bigint },
): Promise<Sent> {
  const { sent } = await sendContractCall(chain, {
    to: chain.profile.contracts.token,
    data: encodeFunctionData({ abi: erc20Abi, functionName: 'transfer', args: [to, amountWei] }),
  })
  return sent
}
