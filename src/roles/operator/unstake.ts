import type { Clock } from '../../base/clock.js'
import { CrynuxError, EXIT } from '../../base/errors.js'
import type { Address, Hex } from '../../base/hex.js'
import type { ChainWriter } from '../../chain/client.js'
import { readChainTime } from '../../chain/read/chainTime.js'
import { type ChainNode, readNode } from '../../chain/read/node.js'
import { leaveNetwork } from '../../chain/write/leaveNetwork.js'
import { withdrawStake } from '../../chain/write/withdrawStake.js'

export type UnstakeDependencies = {
  chain: ChainWriter
  clock: Clock
  signal: AbortSignal
  /** Told what is waited for. */
  onWait?(report: UnstakeReport): void
}

/** How far leaving has come. */
export type UnstakeReport = {
  node: Address
  state: 'leavePending' | 'unbonding' | 'withdrawn'
  stakeWei: bigint
  /** Where the stake goes, or went. */
  beneficiary: Address
  /** Unix seconds; null while the node still holds a task. */
  withdrawableAt: number | null
  /** By the chain's clock; null when not known yet. */
  secondsLeft: number | null
  transactions: Hex[]
}

/** Longest time between two looks at the chain while waiting. */
const LOOK_EVERY_MS = 15_000

/**
 * Leaves the network and takes the stake back, as far as that is possible now; with `wait`, to its end. Calling it again goes on
 * from where it is.
 *
 * @throws NotANodeError when the wallet has no stake in the network
 */
export async function unstake(
  { chain, clock, signal, onWait }: UnstakeDependencies,
  { wait = false }: { wait?: boolean } = {},
): Promise<UnstakeReport> {
  const transactions: Hex[] = []
  for (;;) {
    signal.throwIfAborted()
    const node = await readNode(chain, { node: chain.account.address })
    const now = await readChainTime(chain)
    const report = reportOf(node, { now, transactions })
    switch (node.status) {
      case 'none':
        throw new NotANodeError(chain.account.address)
      case 'unbonding':
        if (now >= node.unbondingEndsAt) {
          transactions.push((await withdrawStake(chain)).hash)
          return { ...report, state: 'withdrawn', secondsLeft: 0 }
        }
        break
      case 'leavePending':
        break
      default:
        transactions.push((await leaveNetwork(chain)).hash)
        continue
    }
    if (!wait) return report
    onWait?.(report)
    await clock.sleep(Math.min(LOOK_EVERY_MS, (report.secondsLeft ?? 1) * 1_000), signal)
  }
}

function reportOf(node: ChainNode, { now, transactions }: { now: number; transactions: Hex[] }): UnstakeReport {
  const isUnbonding = node.status === 'unbonding'
  return {
    node: node.address,
    state: isUnbonding ? 'unbonding' : 'leavePending',
    stakeWei: node.stakeWei,
    beneficiary: node.beneficiary,
    withdrawableAt: isUnbonding ? node.unbondingEndsAt : null,
    secondsLeft: isUnbonding ? Math.max(0, node.unbondingEndsAt - now) : null,
    transactions,
  }
}

/** The wallet has no node in this network: exit status 3. */
export class NotANodeError extends CrynuxError {
  override readonly code = 'CRYNUX_NOT_A_NODE'
  override readonly exitCode = EXIT.configuration
  constructor(node: Address) {
    super(`wallet ${node} is no node of this network`, {
      remedy: 'Check --keystore and --network; `crynux stake` or `crynux node start` joins.',
    })
  }
}
