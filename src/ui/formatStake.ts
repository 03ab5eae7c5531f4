import type { Address, Hex } from '../base/hex.js'
import { formatCnx } from '../base/units.js'
import { formatPairs } from './formatTable.js'

/** What `crynux stake` did. */
export const formatStake = (report: {
  node: Address
  action: 'joined' | 'increased'
  status: string
  addedWei: bigint
  stakeWei: bigint
  transaction: Hex
}): string =>
  [
    formatPairs([
      ['node', report.node],
      ['stake', `${formatCnx(report.stakeWei)} CNX (${formatCnx(report.addedWei)} CNX added)`],
      ['status', report.status],
      ['transaction', report.transaction],
    ]),
    ...(report.action === 'joined'
      ? ['It can be drawn from now on: run `crynux node start`, or `crynux node pause` until you do.']
      : []),
  ].join('\n')

/** What `crynux stake --explain` says. */
export const formatStakeExplanation = (explanation: {
  stakeWei: bigint
  minimumStakeWei: bigint
  unbondingSeconds: number
  risks: readonly { cause: string; why: string; lossWei: bigint; consequence: string }[]
}): string =>
  [
    `Of a stake of ${formatCnx(explanation.stakeWei)} CNX (at least ${formatCnx(explanation.minimumStakeWei)} CNX) this can be lost:`,
    ...explanation.risks.flatMap(({ cause, why, lossWei, consequence }) => [
      '',
      `${formatCnx(lossWei)} CNX for ${cause}`,
      `  because ${why};`,
      `  ${consequence}.`,
    ]),
    '',
    `What is left comes back ${explanation.unbondingSeconds} s after \`crynux unstake\`: for so long a node can still be called to account.`,
  ].join('\n')

/** How far `crynux unstake` has come. */
export const formatUnstake = (report: {
  node: Address
  state: 'leavePending' | 'unbonding' | 'withdrawn'
  stakeWei: bigint
  beneficiary: Address
  withdrawableAt: number | null
  secondsLeft: number | null
}): string => {
  const amount = `${formatCnx(report.stakeWei)} CNX`
  switch (report.state) {
    case 'withdrawn':
      return `${amount} are back with ${report.beneficiary}.`
    case 'leavePending':
      return `Node ${report.node} finishes its task first. Run \`crynux unstake\` again later, or with --wait.`
    case 'unbonding':
      return `Node ${report.node} has left. Its ${amount} can be withdrawn with \`crynux unstake\` from ${new Date((report.withdrawableAt ?? 0) * 1000).toISOString()} on, in ${report.secondsLeft} s.`
  }
}

/** What pausing, resuming or leaving did. */
export const formatNodeStatus = (report: {
  node: Address
  before: string
  status: string
  transaction: Hex | null
}): string =>
  report.transaction === null
    ? `Node ${report.node} is ${report.status} already.`
    : `Node ${report.node} was ${report.before} and is ${report.status} now.`
