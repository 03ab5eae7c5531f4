import { parseEventLogs } from 'viem'
import type { Address } from '../../base/hex.js'
import { nodeRegistryAbi, taskConsensusAbi } from '../abi.generated.js'
import type { ChainReader } from '../client.js'
import { inRanges } from '../logs.js'
import { type NodeStatus, readNode } from './node.js'

/** What one node did and got so far, by its wallet's address. */
export type NodeStatistics = {
  address: Address
  status: NodeStatus
  stakeWei: bigint
  gpuModel: string
  vramGb: number
  /** For silence and missed uploads. */
  penalties: number
  penaltiesWei: bigint
  /** How often it lost its whole stake. */
  slashes: number
  slashedWei: bigint
  earningsWei: bigint
  /** Tasks that it was paid for, without those that it failed. */
  completed: number
  /** Tasks in which it was silent, cheated, or did not deliver the result. */
  failed: number
  /** completed / (completed + failed); null before its first task. */
  successRate: number | null
}

const eventsAbi = [...nodeRegistryAbi, ...taskConsensusAbi].filter((item) => item.type === 'event')

/** Every node that ever joined, in the order of joining. */
export async function readNodes(chain: ChainReader): Promise<NodeStatistics[]> {
  const { registry, consensus } = chain.profile.contracts
  const logs = await inRanges(chain, (fromBlock, toBlock) =>
    chain.client.getLogs({ address: [registry, consensus], fromBlock, toBlock }),
  )
  const histories = historiesOf(parseEventLogs({ abi: eventsAbi, logs }))
  const statistics: NodeStatistics[] = []
  const addresses = [...histories.keys()]
  // A few at a time: endpoints limit the rate.
  for (let start = 0; start < addresses.length; start += 20) {
    const nodes = await Promise.all(addresses.slice(start, start + 20).map((node) => readNode(chain, { node })))
    for (const { address, status, stakeWei, gpuModel, vramGb } of nodes) {
      const { paidTasks, failedTasks, ...sums } = histories.get(address) ?? noHistory()
      const completed = [...paidTasks].filter((task) => !failedTasks.has(task)).length
      const failed = failedTasks.size
      const successRate = completed + failed === 0 ? null : completed / (completed + failed)
      statistics.push({ address, status, stakeWei, gpuModel, vramGb, ...sums, completed, failed, successRate })
    }
  }
  return statistics
}

type History = Pick<NodeStatistics, 'penalties' | 'penaltiesWei' | 'slashes' | 'slashedWei' | 'earningsWei'> & {
  paidTasks: Set<string>
  failedTasks: Set<string>
}

const noHistory = (): History => ({
  penalties: 0,
  penaltiesWei: 0n,
  slashes: 0,
  slashedWei: 0n,
  earningsWei: 0n,
  paidTasks: new Set(),
  failedTasks: new Set(),
})

function historiesOf(logs: ReturnType<typeof parseEventLogs<typeof eventsAbi>>): Map<Address, History> {
  const histories = new Map<Address, History>()
  const historyOf = (node: Address): History => {
    const history = histories.get(node) ?? noHistory()
    histories.set(node, history)
    return history
  }
  for (const log of logs) {
    switch (log.eventName) {
      case 'NodeJoined':
        historyOf(log.args.node)
        break
      case 'NodePenalised': {
        const history = historyOf(log.args.node)
        history.penalties += 1
        history.penaltiesWei += log.args.amountWei
        break
      }
      case 'NodeSlashed': {
        const history = historyOf(log.args.node)
        history.slashes += 1
        history.slashedWei += log.args.amountWei
        break
      }
      case 'NodePaid': {
        const history = historyOf(log.args.node)
        history.earningsWei += log.args.amountWei
        history.paidTasks.add(log.args.taskId)
        break
      }
      case 'NodeSilent':
      case 'NodeCheated':
      case 'UploadMissed':
        historyOf(log.args.node).failedTasks.add(log.args.taskId)
        break
      case 'UploadFaulted':
        historyOf(log.args.uploader).failedTasks.add(log.args.taskId)
        break
    }
  }
  return histories
}
