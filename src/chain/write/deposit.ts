import { encodeFunctionData } from 'viem'
import { taskConsensusAbi } from '../abi.generated.js'
import type { ChainWriter } from '../client.js'
import { signPermit } from '../permit.js'
import { type Sent, sendContractCall } from '../send.js'

/** Moves CNX of the wallet into its ledger balance, from which task fees are paid. */
export async function deposit(chain: ChainWriter, { amountWei }: { amountWei: bigint }): Promise<Sent> {
  const { consensus } = chain.profile.contracts
  const permit = await signPermit(chain, { spender: consensus, amountWei })
  const { sent } = await sendContractCall(chain, {
    to: consensus,
    data: encodeFunctionData({
      abi: taskConsensusAbi,
      functionName: 'depositWithPermit',
      args: [amountWei, ...permit],
    }),
  })
  return sent
}
