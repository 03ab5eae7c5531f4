import { getAbiItem } from 'viem'
import type { Address, Hex } from '../../base/hex.js'
import { taskConsensusAbi } from '../abi.generated.js'
import type { ChainReader } from '../client.js'
import { readLogs } from '../logs.js'

const taskStarted = getAbiItem({ abi: taskConsensusAbi, name: 'TaskStarted' })

/** Ids of the tasks for which a node was drawn, in the order of the chain, newest last. */
export async function readAssignments(
  chain: ChainReader,
  { node, fromBlock }: { node: Address; fromBlock?: number },
): Promise<Hex[]> {
  const places = [{ node0: node }, { node1: node }, { node2: node }]
  const logs = await Promise.all(
    places.map((args) =>
      readLogs(chain, {
        address: chain.profile.contracts.consensus,
        event: taskStarted,
        args,
        ...(fromBlock === undefined ? {} : { fromBlock }),
      }),
    ),
  )
  const inOrder = logs.flat().sort((a, b) => Number(a.blockNumber - b.blockNumber) || a.logIndex - b.logIndex)
  return [...new Set(inOrder.map((log) => log.args.taskId))]
}
