import { getAbiItem } from 'viem'
import type { Hex } from '../../base/hex.js'
import { taskConsensusAbi } from '../abi.generated.js'
import type { ChainReader } from '../client.js'
import { readLogs } from '../logs.js'

const taskQueued = getAbiItem({ abi: taskConsensusAbi, name: 'TaskQueued' })
const taskRedrawn = getAbiItem({ abi: taskConsensusAbi, name: 'TaskRedrawn' })

/** Tasks that got a draw block since a block, which need not be queued any more, with their newest draw block. */
export async function readQueuedTasks(
  chain: ChainReader,
  { fromBlock }: { fromBlock: number },
): Promise<ReadonlyMap<Hex, number>> {
  const address = chain.profile.contracts.consensus
  const [created, redrawn] = await Promise.all([
    readLogs(chain, { address, event: taskQueued, fromBlock }),
    readLogs(chain, { address, event: taskRedrawn, fromBlock }),
  ])
  const drawBlocks = new Map<Hex, number>()
  for (const { args, blockNumber } of [...created, ...redrawn]) drawBlocks.set(args.taskId, Number(blockNumber))
  return drawBlocks
}
