import type { Address, Hex } from '../../base/hex.js'
import { readAvailableCount } from '../../chain/read/availableCount.js'
import { readLedgerBalance } from '../../chain/read/ledgerBalance.js'
import { readTask } from '../../chain/read/task.js'
import { readTokenBalance } from '../../chain/read/tokenBalance.js'
import { prepareTask, type SubmitOptions } from './prepareTask.js'
import { chooseRelay, requireWithinLimits } from './readiness.js'
import { KeyTakenError } from './taskErrors.js'
import type { AppDependencies } from './taskSession.js'
import { requirementsOf } from './taskShape.js'

/** What a task would be, without sending or writing anything. */
export type TaskPlan = {
  taskId: Hex
  key: string
  creator: Address
  feeWei: bigint
  argsHash: Hex
  relay: { address: Address; url: string }
  executionTimeoutSeconds: number
  freeNodes: number
  /** What lies in the ledger, and what a submit would move there out of the wallet. */
  ledgerBalanceWei: bigint
  depositWei: bigint
  walletBalanceWei: bigint
  /** True when the chain already has the task: a submit would resume it. */
  exists: boolean
  /** Who learns what. */
  seenBy: { who: string; what: string }[]
}

/**
 * Computes what `submitTask` would do: fee, hashes, relay, and who will see what.
 *
 * @throws KeyTakenError, NoRelayError, and InvalidInputError for a timeout or a fee that the network does not take.
 */
export async function planTask(dependencies: AppDependencies, options: SubmitOptions): Promise<TaskPlan> {
  const { chain, wallet } = dependencies
  const prepared = prepareTask(dependencies, options)
  const account = wallet.address
  const [existing, relay, freeNodes, ledgerBalanceWei, walletBalanceWei] = await Promise.all([
    readTask(chain, { taskId: prepared.taskId }),
    chooseRelay(dependencies, options.relay),
    readAvailableCount(chain, requirementsOf(prepared)),
    readLedgerBalance(chain, { account }),
    readTokenBalance(chain, { account }),
  ])
  if (existing && existing.argsHash.toLowerCase() !== prepared.argsHash) {
    throw new KeyTakenError(prepared.key, prepared.taskId)
  }
  if (!existing) await requireWithinLimits(dependencies, options)
  return {
    taskId: prepared.taskId,
    key: prepared.key,
    creator: account,
    feeWei: existing?.feeWei ?? options.feeWei,
    ledgerBalanceWei,
    depositWei: existing || ledgerBalanceWei >= options.feeWei ? 0n : options.feeWei - ledgerBalanceWei,
    walletBalanceWei,
    argsHash: prepared.argsHash,
    relay,
    executionTimeoutSeconds: options.executionTimeoutSeconds,
    freeNodes,
    exists: existing !== null,
    seenBy: [
      {
        who: 'the chain, for ever',
        what: 'your address, the fee, the times, a salted hash of the arguments, the scores',
      },
      { who: 'the relay, until the result has arrived', what: 'sealed files that it cannot open' },
      { who: 'the three drawn nodes, until the task ends', what: 'the arguments and the result' },
    ],
  }
}
