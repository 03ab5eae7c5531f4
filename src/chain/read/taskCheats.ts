import { getAbiItem } from 'viem'
import type { Address, Hex } from '../../base/hex.js'
import { taskConsensusAbi } from '../abi.generated.js'
import type { ChainReader } from '../client.js'
import { readLogs } from '../logs.js'

const nodeCheated = getAbiItem({ abi: taskConsensusAbi, name: 'NodeCheated' })

/** The nodes that lost their stake in a task: for a result that the others do not confirm, or a faulty upload. */
export async function readTaskCheats(chain: ChainReader, { taskId }: { taskId: Hex }): Promise<Address[]> {
  const logs = await readLogs(chain, {
    address: chain.profile.contracts.consensus,
    event: nodeCheated,
    args: { taskId },
  })
  return logs.map(({ args }) => args.node)
}
