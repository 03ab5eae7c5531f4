import type { Address, Hex } from '../base/hex.js'
import { formatCnx, formatGasCoin } from '../base/units.js'
import { formatPairs, formatTable } from './formatTable.js'

type NodeRow = {
  address: Address
  status: string
  stakeWei: bigint
  penalties: number
  penaltiesWei: bigint
  slashes: number
  slashedWei: bigint
  earningsWei: bigint
  completed: number
  failed: number
  successRate: number | null
}

/** All nodes as a table that fits into 100 columns; amounts in CNX. */
export const formatNodes = ({ nodes }: { nodes: readonly NodeRow[] }): string =>
  nodes.length === 0
    ? 'no node has joined yet'
    : formatTable(nodes, [
        { title: 'node', value: ({ address }) => address },
        // Only former nodes are listed with no status: those that were removed, and those that took their stake back.
        {
          title: 'status',
          value: ({ status, slashes }) =>
            status !== 'none' ? (SHORT_STATUS[status] ?? status) : slashes > 0 ? 'slashed' : 'left',
        },
        { title: 'stake CNX', value: ({ stakeWei }) => shortCnx(stakeWei), align: 'right' },
        { title: 'fined', value: ({ penaltiesWei }) => shortCnx(penaltiesWei), align: 'right' },
        { title: 'slashed', value: ({ slashedWei }) => shortCnx(slashedWei), align: 'right' },
        { title: 'earned', value: ({ earningsWei }) => shortCnx(earningsWei), align: 'right' },
        { title: 'tasks ok', value: tasksOk, align: 'right' },
      ])

/** One node as a list. */
export const formatNodeReport = (
  node: NodeRow & {
    everJoined: boolean
    vramGb: number
    gpuModel: Hex
    beneficiary: Address
    unbondingEndsAt: number
    unbondingSecondsLeft: number | null
    beneficiaryLedgerWei: bigint
    tokenWei: bigint
    ledgerWei: bigint
    gasWei: bigint
  },
): string => {
  const isMember = node.status !== 'none'
  return formatPairs([
    ['node', node.address],
    ['status', isMember ? node.status : node.everJoined ? 'gone (withdrawn or removed)' : 'never joined'],
    ['stake', isMember ? `${cnx(node.stakeWei)} CNX` : null],
    [
      'unbonding',
      node.unbondingSecondsLeft === null ? null : unbonding(node.unbondingEndsAt, node.unbondingSecondsLeft),
    ],
    ['gpu', isMember ? `${node.vramGb} GB, model ${node.gpuModel}` : null],
    ['tasks', `${node.completed} done, ${node.failed} failed (success ${percent(node.successRate)})`],
    ['earned', `${cnx(node.earningsWei)} CNX`],
    ['penalties', node.penalties === 0 ? 'none' : `${node.penalties} (${cnx(node.penaltiesWei)} CNX)`],
    ['slashed', node.slashes === 0 ? 'never' : `${node.slashes} times (${cnx(node.slashedWei)} CNX)`],
    ['beneficiary', isMember && node.beneficiary !== node.address ? node.beneficiary : null],
    ['to withdraw', isMember ? `${cnx(node.beneficiaryLedgerWei)} CNX` : `${cnx(node.ledgerWei)} CNX`],
    ['wallet', `${cnx(node.tokenWei)} CNX, ${formatGasCoin(node.gasWei)} for gas`],
  ])
}

/** The network as a list. */
export const formatNetwork = (network: {
  name: string
  chainId: number
  blockNumber: number
  chainTime: number
  nodes: { members: number; available: number }
  tasks: {
    created: number
    open: number
    completed: number
    aborted: number
    abortedBy: Readonly<Record<string, number>>
  }
  earningsWei: bigint
  refundsWei: bigint
  penaltiesWei: bigint
  slashedWei: bigint
  stakedWei: bigint
  incentivePoolWei: bigint
  relays: readonly { address: Address; url: string }[]
  parameters: { minimumStakeWei: bigint; unbondingSeconds: number }
}): string => {
  const { tasks } = network
  const reasons = Object.entries(tasks.abortedBy).map(([reason, count]) => `${count} ${reason}`)
  return formatPairs([
    [
      'network',
      `${network.name} on chain ${network.chainId}, block ${network.blockNumber} (${time(network.chainTime)})`,
    ],
    ['nodes', `${network.nodes.members}, ${network.nodes.available} of them available`],
    ['tasks', `${tasks.created}: ${tasks.completed} completed, ${tasks.open} open, ${tasks.aborted} aborted`],
    ['aborted by', reasons.length === 0 ? null : reasons.join(', ')],
    ['earned', `${cnx(network.earningsWei)} CNX`],
    ['refunded', `${cnx(network.refundsWei)} CNX`],
    ['staked', `${cnx(network.stakedWei)} CNX (at least ${cnx(network.parameters.minimumStakeWei)} CNX each)`],
    ['penalties', `${cnx(network.penaltiesWei)} CNX`],
    ['slashed', `${cnx(network.slashedWei)} CNX`],
    ['incentive pool', `${cnx(network.incentivePoolWei)} CNX`],
    ['unbonding', `${network.parameters.unbondingSeconds} s`],
    ...network.relays.map(({ address, url }) => ['relay', `${url} (${address})`] as const),
  ])
}

/** One task: a list, and its nodes as a table. */
export const formatTaskReport = (task: {
  id: Hex
  state: string
  abortReason: string | null
  kind: string
  imageCount: number
  creator: Address
  relay: Address
  feeWei: bigint
  uploader: Address | null
  nodes: readonly {
    address: Address
    committed: boolean
    revealed: boolean
    outcome: string | null
    score: Hex | null
    paidWei: bigint
  }[]
}): string => {
  const pairs = formatPairs([
    ['task', task.id],
    ['state', task.abortReason ? `${task.state}: ${task.abortReason}` : task.state],
    ['kind', task.kind === 'image' ? `image, ${task.imageCount}` : task.kind],
    ['fee', `${cnx(task.feeWei)} CNX`],
    ['creator', task.creator],
    ['relay', task.relay],
    ['uploader', task.uploader],
  ])
  if (task.nodes.length === 0) return pairs
  const table = formatTable(task.nodes, [
    { title: 'node', value: ({ address }) => address },
    {
      title: 'said',
      value: ({ revealed, committed, outcome }) => (revealed ? (outcome ?? '') : committed ? 'committed' : '-'),
    },
    { title: 'score', value: ({ score }) => score ?? '-' },
    { title: 'paid', value: ({ paidWei }) => cnx(paidWei), align: 'right' },
  ])
  return `${pairs}\n\n${table}`
}

/** Done tasks, and how many of all these are: `12 (100%)`. */
const tasksOk = ({ completed, successRate }: NodeRow): string =>
  successRate === null ? '-' : `${completed} (${Math.floor(successRate * 100)}%)`

/** An amount cut to two decimal places, for columns; the exact one is in the JSON and in the node's own report. */
const shortCnx = (wei: bigint): string => (wei > 0n && wei < CENT ? '<0.01' : formatCnx(wei - (wei % CENT)))
const CENT = 10n ** 16n

/** Statuses that are too long for a column. */
const SHORT_STATUS: Readonly<Record<string, string>> = { pausePending: 'pausing', leavePending: 'leaving' }

const cnx = formatCnx
const percent = (rate: number | null): string => (rate === null ? '-' : `${(rate * 100).toFixed(1)} %`)
const time = (seconds: number): string => new Date(seconds * 1000).toISOString()
const unbonding = (endsAt: number, left: number): string =>
  left === 0 ? 'over: `crynux unstake` returns the stake' : `until ${time(endsAt)} (${left} s)`
