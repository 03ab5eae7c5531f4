import { getAbiItem } from 'viem'
import type { Address, Hex } from '../../base/hex.js'
import { taskConsensusAbi } from '../abi.generated.js'
import type { ChainReader } from '../client.js'
import { readLogs } from '../logs.js'

const taskQueued = getAbiItem({ abi: taskConsensusAbi, name: 'TaskQueued' })

/** Ids of the tasks that an account created, newest last. */
export async function readCreatedTasks(
  chain: ChainReader,
  { creator, fromBlock }: { creator: Address; fromBlock?: number },
): Promise<Hex[]> {
  const logs = await readLogs(chain, {
    address: chain.profile.contracts.consensus,
    event: taskQueued,
    args: { creator },
    ...(fromBlock === undefined ? {} : { fromBlock }),
  })
  return logs.map((log) => log.args.taskId)
}
