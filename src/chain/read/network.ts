import { parseEventLogs } from 'viem'
import type { Address } from '../../base/hex.js'
import type { NetworkParameters } from '../../protocol/networkParameters.js'
import { nodeRegistryAbi, taskConsensusAbi } from '../abi.generated.js'
import { call } from '../call.js'
import type { ChainReader } from '../client.js'
import { inRanges } from '../logs.js'
import { readAvailableCount } from './availableCount.js'
import { readParameters } from './parameters.js'
import { readRelays } from './relays.js'
import { ABORT_REASONS, type AbortReason } from './task.js'
import { readTokenBalance } from './tokenBalance.js'

/** One network at a glance. */
export type NetworkStatistics = {
  name: string
  chainId: number
  blockNumber: number
  /** Of the newest block, Unix seconds. */
  chainTime: number
  nodes: { members: number; available: number }
  tasks: {
    created: number
    /** Created and not ended yet. */
    open: number
    completed: number
    aborted: number
    /** Only the reasons that occurred. */
    abortedBy: Partial<Record<AbortReason, number>>
  }
  /** Paid to nodes out of fees (and, for replaced uploads, out of slashed stakes). */
  earningsWei: bigint
  refundsWei: bigint
  penaltiesWei: bigint
  slashedWei: bigint
  /** What the registry holds of nodes' stakes. */
  stakedWei: bigint
  incentivePoolWei: bigint
  relays: { address: Address; url: string }[]
  parameters: NetworkParameters
}

const eventsAbi = [...nodeRegistryAbi, ...taskConsensusAbi].filter((item) => item.type === 'event')
const ANY_GPU = `0x${'0'.repeat(64)}` as const

/** Reads the whole network's numbers from its events and balances. */
export async function readNetwork(chain: ChainReader): Promise<NetworkStatistics> {
  const { registry, consensus, incentivePool } = chain.profile.contracts
  const [block, members, available, stakedWei, incentivePoolWei, relays, parameters, sums] = await Promise.all([
    call(chain.client.getBlock()),
    call(chain.client.readContract({ address: registry, abi: nodeRegistryAbi, functionName: 'memberCount' })),
    readAvailableCount(chain, { sameGpu: false, minVramGb: 0, gpuModel: ANY_GPU }),
    readTokenBalance(chain, { account: registry }),
    readTokenBalance(chain, { account: incentivePool }),
    readRelays(chain),
    readParameters(chain),
    inRanges(chain, (fromBlock, toBlock) =>
      chain.client.getLogs({ address: [registry, consensus], fromBlock, toBlock }),
    ).then((logs) => sumsOf(parseEventLogs({ abi: eventsAbi, logs }))),
  ])
  return {
    name: chain.profile.name,
    chainId: chain.profile.chainId,
    blockNumber: Number(block.number),
    chainTime: Number(block.timestamp),
    nodes: { members: Number(members), available },
    ...sums,
    stakedWei,
    incentivePoolWei,
    relays,
    parameters,
  }
}

type Sums = Pick<NetworkStatistics, 'tasks' | 'earningsWei' | 'refundsWei' | 'penaltiesWei' | 'slashedWei'>

function sumsOf(logs: ReturnType<typeof parseEventLogs<typeof eventsAbi>>): Sums {
  const sums: Sums = {
    tasks: { created: 0, open: 0, completed: 0, aborted: 0, abortedBy: {} },
    earningsWei: 0n,
    refundsWei: 0n,
    penaltiesWei: 0n,
    slashedWei: 0n,
  }
  const { tasks } = sums
  for (const log of logs) {
    switch (log.eventName) {
      case 'TaskQueued':
        tasks.created += 1
        break
      case 'TaskCompleted':
        tasks.completed += 1
        break
      case 'TaskAborted': {
        const reason = ABORT_REASONS[log.args.reason]
        tasks.aborted += 1
        sums.refundsWei += log.args.refundWei
        if (reason) tasks.abortedBy[reason] = (tasks.abortedBy[reason] ?? 0) + 1
        break
      }
      case 'NodePaid':
        sums.earningsWei += log.args.amountWei
        break
      case 'NodePenalised':
        sums.penaltiesWei += log.args.amountWei
        break
      case 'NodeSlashed':
        sums.slashedWei += log.args.amountWei
        break
    }
  }
  tasks.open = tasks.created - tasks.completed - tasks.aborted
  return sums
}
