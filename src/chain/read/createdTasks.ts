import { getAbiItem } from 'viem'
import type { Address, Hex } from '../../base/hex.js'
import { taskConsensusAbi } from '../abi.generated.js'
import type { ChainReader } from '../client.js'
import { readLogs } from '../logs.js'

const taskQueued = getAbiItem({ abi: taskConsensusAbi, name: 'TaskQueued' })

/** Ids of the tasks that an account created, newest last. */
export async function readCreatedTasks(
  chain: ChainReader,
  query: { creator: Address; fromBlock?: number },
): Promise<Hex[]> {
  return (await readTaskCreations(chain, query)).map(({ taskId }) => taskId)
}

/** The tasks that an account created and the blocks in which it did, newest last. */
export async function readTaskCreations(
  chain: ChainReader,
  { creator, fromBlock }: { creator: Address; fromBlock?: number },
): Promise<{ taskId: Hex; blockNumber: number }[]> {
  const logs = await readLogs(chain, {
    address: chain.profile.contracts.consensus,
    event: taskQueued,
    args: { creator },
    ...(fromBlock === undefined ? {} : { fromBlock }),
  })
  return logs.map(({ args, blockNumber }) => ({ taskId: args.taskId, blockNumber: Number(blockNumber) }))
}
