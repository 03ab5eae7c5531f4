import { getAbiItem } from 'viem'
import type { Address, Hex } from '../../base/hex.js'
import { taskConsensusAbi } from '../abi.generated.js'
import type { ChainReader } from '../client.js'
import { readLogs } from '../logs.js'

const nodePaid = getAbiItem({ abi: taskConsensusAbi, name: 'NodePaid' })

export type TaskPayment = { node: Address; beneficiary: Address; amountWei: bigint }

/** What each node got for a task, in the order of the chain. */
export async function readTaskPayments(chain: ChainReader, { taskId }: { taskId: Hex }): Promise<TaskPayment[]> {
  const logs = await readLogs(chain, { address: chain.profile.contracts.consensus, event: nodePaid, args: { taskId } })
  return logs.map(({ args }) => ({ node: args.node, beneficiary: args.beneficiary, amountWei: args.amountWei }))
}
