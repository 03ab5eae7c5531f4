import type { Address, Hex } from '../base/hex.js'
import { formatCnx } from '../base/units.js'
import { formatTable } from './formatTable.js'

type NodeLine = {
  address: Address
  outcome: string
  score: Hex | null
  agrees: boolean
  slashed: boolean
  paidWei: string
}

/** A delivered (or detached) task for people: the files first, one a line, then who did what and where the time went. */
export function formatSubmittedTask(task: {
  taskId: Hex
  key: string
  state: string
  feeWei: string
  nodes: readonly NodeLine[]
  files: readonly { path: string }[]
  timings: Readonly<Record<string, number>>
}): string {
  return [
    ...task.files.map(({ path }) => path),
    row('task', `${task.taskId} (${task.state})`),
    row('key', task.key || 'unknown'),
    row('fee', `${formatCnx(BigInt(task.feeWei))} CNX`),
    ...formatNodes(task.nodes),
    row('time', formatTimings(task.timings)),
  ].join('\n')
}

/** Where a task stands, for people. */
export function formatTaskStatus(task: {
  taskId: Hex
  state: string
  abortReason: string | null
  kind: string
  creator: Address
  feeWei: string
  nodes: readonly NodeLine[]
  uploader: Address | null
}): string {
  return [
    row('task', task.taskId),
    row('state', task.abortReason ? `${task.state}: ${task.abortReason}` : task.state),
    row('kind', task.kind),
    row('creator', task.creator),
    row('fee', `${formatCnx(BigInt(task.feeWei))} CNX`),
    ...formatNodes(task.nodes),
    ...(task.uploader ? [row('uploader', task.uploader)] : []),
  ].join('\n')
}

/** Tasks as a table for people. */
export const formatTaskList = (
  tasks: readonly {
    taskId: Hex
    key: string | null
    createdAt: number
    state: string
    abortReason: string | null
    kind: string
    feeWei: string
  }[],
): string =>
  tasks.length === 0
    ? 'no task yet'
    : formatTable(tasks, [
        { title: 'task', value: ({ taskId }) => taskId },
        { title: 'key', value: ({ key }) => key ?? '-' },
        {
          title: 'created (UTC)',
          value: ({ createdAt }) => new Date(createdAt * 1_000).toISOString().slice(0, 16).replace('T', ' '),
        },
        { title: 'kind', value: ({ kind }) => kind },
        { title: 'fee', value: ({ feeWei }) => `${formatCnx(BigInt(feeWei))} CNX`, align: 'right' },
        { title: 'state', value: ({ state, abortReason }) => (abortReason ? `${state}: ${abortReason}` : state) },
      ])

/** What a submit would do, for people. */
export function formatTaskPlan(plan: {
  taskId: Hex
  key: string
  creator: Address
  feeWei: bigint
  depositWei: bigint
  walletBalanceWei: bigint
  argsHash: Hex
  relay: { address: Address; url: string }
  executionTimeoutSeconds: number
  freeNodes: number
  exists: boolean
  seenBy: readonly { who: string; what: string }[]
}): string {
  return [
    row('task', `${plan.taskId}${plan.exists ? ' (exists: a submit would resume it)' : ''}`),
    row('key', plan.key),
    row('creator', plan.creator),
    row('fee', `${formatCnx(plan.feeWei)} CNX`),
    row('deposit', `${formatCnx(plan.depositWei)} CNX of the ${formatCnx(plan.walletBalanceWei)} CNX in the wallet`),
    row('arguments', `${plan.argsHash} (salted hash)`),
    row('relay', `${plan.relay.url} (${plan.relay.address})`),
    row('timeout', `${plan.executionTimeoutSeconds} s`),
    row('free nodes', String(plan.freeNodes)),
    'who will see what',
    ...plan.seenBy.map(({ who, what }) => `  ${who}: ${what}`),
    'Nothing was sent.',
  ].join('\n')
}

const formatNodes = (nodes: readonly NodeLine[]): string[] =>
  nodes.map(({ address, outcome, score, agrees, slashed, paidWei }) => {
    const said = outcome === 'result' ? `${score ?? '0x'} ${agrees ? 'agrees' : 'differs'}` : outcome
    return row('node', `${address}  ${said}${slashed ? ', slashed' : ''}  paid ${formatCnx(BigInt(paidWei))} CNX`)
  })

/** `payMs: 2100` → `pay 2.1 s`; phases that took no time are left out. */
const formatTimings = (timings: Readonly<Record<string, number>>): string =>
  Object.entries(timings)
    .filter(([, ms]) => ms > 0)
    .map(([name, ms]) => `${spaced(name.replace(/Ms$/, ''))} ${(ms / 1000).toFixed(1)} s`)
    .join(', ')

const spaced = (camelCase: string): string => camelCase.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)

const row = (name: string, value: string): string => `${name.padEnd(11)}${value}`
