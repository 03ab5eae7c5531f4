import { InvalidInputError } from '../../base/errors.js'
import type { Address, Hex } from '../../base/hex.js'
import type { ChainReader } from '../../chain/client.js'
import { type ChainTask, readTask } from '../../chain/read/task.js'
import { readTaskPayments } from '../../chain/read/taskPayments.js'
import { outcomeName } from '../../protocol/outcome.js'

/** Everything that anybody can read about one task. */
export type TaskReport = Omit<ChainTask, 'slots'> & {
  nodes: {
    address: Address
    committed: boolean
    revealed: boolean
    /** null until revealed. */
    outcome: string | null
    score: Hex | null
    paidWei: bigint
  }[]
}

/**
 * Reads the report of one task.
 *
 * @throws InvalidInputError when the network has no task of that id
 */
export async function readTaskReport(chain: ChainReader, { taskId }: { taskId: Hex }): Promise<TaskReport> {
  const task = await readTask(chain, { taskId })
  if (task === null) {
    throw new InvalidInputError(`network '${chain.profile.name}' has no task ${taskId}`, {
      remedy: 'Check the id and --network.',
    })
  }
  const payments = await readTaskPayments(chain, { taskId })
  const { slots, ...rest } = task
  return {
    ...rest,
    nodes: slots.map(({ node, committed, revealed, outcome, score }) => ({
      address: node,
      committed,
      revealed,
      outcome: revealed ? outcomeName(outcome) : null,
      score: revealed && score !== '0x' ? score : null,
      paidWei: payments.reduce((sum, paid) => (paid.node === node ? sum + paid.amountWei : sum), 0n),
    })),
  }
}
