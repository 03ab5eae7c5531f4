import { encodeFunctionData } from 'viem'
import type { Address } from '../../base/hex.js'
import { taskConsensusAbi } from '../abi.generated.js'
import type { ChainWriter } from '../client.js'
import { type Sent, sendContractCall } from '../send.js'

/** Pays CNX out of the wallet's ledger balance. */
export async function withdraw(
  chain: ChainWriter,
  { to, amountWei }: { to: Address; amountWei: bigint },
): Promise<Sent> {
  const { sent } = await sendContractCall(chain, {
    to: chain.profile.contracts.consensus,
    data: encodeFunctionData({ abi: taskConsensusAbi, functionName: 'withdraw', args: [to, amountWei] }),
  })
  return sent
}
