import { keccak256 } from 'viem/utils'
import type { Address, Hex } from '../../base/hex.js'
import type { Logger } from '../../base/logger.js'
import type { ChainWriter } from '../../chain/client.js'
import { readGasBalance } from '../../chain/read/gasBalance.js'
import { type ChainNode, readNode } from '../../chain/read/node.js'
import { readQueuedTasks } from '../../chain/read/queuedTasks.js'
import { type ChainTask, readTask } from '../../chain/read/task.js'
import { TransactionRevertedError } from '../../chain/revert.js'
import { canStartTask, startTask } from '../../chain/write/startTask.js'

/** A creator's own application starts its task in the first block that allows it; who is later than this will not. */
const PATIENCE_BLOCKS = 5
/** Nodes come one after the other, spread over so many blocks, so that few pay for the same start. */
const STAGGER_BLOCKS = 16
/** Older draws are forgotten by the chain. A few blocks are left for the transaction. */
const OLDEST_BLOCKS = 250
/** A node pays for one start in so many blocks at most: whoever fills the queue shall not empty its wallet. */
const PAUSE_BLOCKS = 32
/** How many tasks are looked at in one block. */
const TASKS_AT_ONCE = 8
/** What must be left for the node's own work: about ten tasks. */
const RESERVED_GAS = 10_000_000n

/** Starts queued tasks that nobody starts, so that a creator cannot wait for a draw that it likes. */
export type QueueStarter = {
  /** Looks at the queue once, and starts one task at most. Only for a node that has nothing else to do. */
  look(block: number): Promise<void>
}

/** See docs/decisions/0012-nodes-start-queued-tasks.md. */
export function createQueueStarter({ chain, logger }: { chain: ChainWriter; logger: Logger }): QueueStarter {
  const me = chain.account.address
  /** The first block in which each task was seen to be startable: when nodes become free, its creator still comes first. */
  const startableSince = new Map<Hex, number>()
  let pausedUntil = 0

  const isDue = async (taskId: Hex, block: number, node: ChainNode): Promise<boolean> => {
    const task = await readTask(chain, { taskId })
    if (!task || !isSuitable(node, task) || !(await canStartTask(chain, { taskId }))) {
      startableSince.delete(taskId)
      return false
    }
    const since = startableSince.get(taskId) ?? block
    startableSince.set(taskId, since)
    return block > since + staggerOf(taskId, me)
  }

  return {
    async look(block) {
      if (block < pausedUntil) return
      const drawBlocks = await readQueuedTasks(chain, { fromBlock: Math.max(0, block - OLDEST_BLOCKS) })
      for (const taskId of startableSince.keys()) if (!drawBlocks.has(taskId)) startableSince.delete(taskId)
      const old = [...drawBlocks]
        .filter(([, drawBlock]) => block > drawBlock + PATIENCE_BLOCKS)
        .map(([taskId]) => taskId)
      if (old.length === 0) return
      const node = await readNode(chain, { node: me })
      if (node.status !== 'available') return
      // Each node has an order of its own: tasks that nobody can start hide the others from few nodes only.
      for (const taskId of old.sort((a, b) => orderOf(a, me) - orderOf(b, me)).slice(0, TASKS_AT_ONCE)) {
        if (!(await isDue(taskId, block, node))) continue
        pausedUntil = block + PAUSE_BLOCKS
        if (!(await canAfford(chain))) return
        await start(taskId)
        return
      }
    },
  }

  async function start(taskId: Hex): Promise<void> {
    try {
      const { hash } = await startTask(chain, { taskId })
      logger.info({ taskId, transaction: hash, step: 'start' }, 'started a task that nobody else started')
    } catch (error) {
      if (!(error instanceof TransactionRevertedError)) throw error
      logger.debug({ taskId, error, step: 'start' }, 'somebody else was quicker')
    }
  }
}

/** Whether the node could itself be drawn for a queued task: only then a start may bring it work. */
export const isSuitable = (
  { gpuModel, vramGb }: Pick<ChainNode, 'gpuModel' | 'vramGb'>,
  task: Pick<ChainTask, 'state' | 'gpuModel' | 'minVramGb'>,
): boolean =>
  task.state === 'queued' &&
  (/^0x0*$/.test(task.gpuModel) || task.gpuModel.toLowerCase() === gpuModel.toLowerCase()) &&
  task.minVramGb <= vramGb

/** How many blocks a node waits beyond the common patience, 0 to 15; the same after a restart. */
export const staggerOf = (taskId: Hex, node: Address): number => orderOf(taskId, node) % STAGGER_BLOCKS

const orderOf = (taskId: Hex, node: Address): number =>
  Number.parseInt(keccak256(`${taskId}${node.slice(2).toLowerCase()}`).slice(2, 14), 16)

async function canAfford(chain: ChainWriter): Promise<boolean> {
  const [balance, { maxFeePerGas }] = await Promise.all([
    readGasBalance(chain, { account: chain.account.address }),
    chain.client.estimateFeesPerGas(),
  ])
  return balance >= RESERVED_GAS * maxFeePerGas
}
