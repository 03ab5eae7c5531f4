import type { Address, Hex } from '../base/hex.js'
import { formatCnx } from '../base/units.js'
import type { StepDefinition } from './stepView.js'

/** The steps of the demonstration, in the order in which they usually end. */
export const DEMO_STEPS = [
  { id: 'chain', title: 'Start a chain of our own (anvil)' },
  { id: 'contracts', title: 'Deploy the contracts' },
  { id: 'relay', title: 'Start the relay' },
  { id: 'nodes', title: 'Start three nodes, each with a stake of 400 CNX' },
  { id: 'pay', title: 'Pay for the task' },
  { id: 'draw', title: 'Draw three nodes' },
  { id: 'arguments', title: 'Seal the prompt to them and leave it at the relay' },
  { id: 'commit', title: 'Make the picture three times, and commit to its score' },
  { id: 'reveal', title: 'Reveal the scores' },
  { id: 'upload', title: 'Upload the sealed picture' },
  { id: 'verify', title: 'Fetch, open and verify the picture' },
  { id: 'write', title: 'Write the picture' },
  { id: 'delete', title: 'Have the relay delete everything' },
  { id: 'stop', title: 'Stop everything' },
] as const satisfies readonly StepDefinition[]

export type DemoStepId = (typeof DEMO_STEPS)[number]['id']

/** The data of `crynux.demo/v1`. Amounts in wei as decimal text, times in ms. */
export type DemoReport = {
  picture: string
  taskId: Hex
  /** Score of the agreed result: 8 bytes for each picture. */
  score: Hex | null
  agreed: boolean
  nodes: { number: number; address: Address; score: Hex | null; agrees: boolean; paidWei: string }[]
  application: Address
  feeWei: string
  gas: { transaction: string; count: number; leastGas: string; mostGas: string; totalGas: string }[]
  timings: { what: string; ms: number }[]
  relay: {
    /** Files that the relay still has, of any task. */
    blobs: number
    /** Whether the relay still has anything to give to the task's creator. */
    holdsResult: boolean
    deletion: { deletedAt: number; signature: Hex } | null
  }
  /** The devnet's folder, when it was kept. */
  kept: string | null
}

/** The demonstration's result for people. */
export function formatDemo(report: DemoReport): string {
  const { nodes, relay } = report
  const blocks = [
    `Your picture: ${report.picture}`,
    [
      report.agreed
        ? 'The three nodes never talked to each other, and their scores agree:'
        : 'The scores of the nodes (they differ):',
      ...nodes.map(({ number, address, score, agrees }) => {
        const verdict = score === null ? 'no score' : `${score}  ${agrees ? 'agrees' : 'DIFFERS'}`
        return `  node ${number}  ${address}  ${verdict}`
      }),
    ].join('\n'),
    [
      `Paid by ${report.application}: ${formatCnx(BigInt(report.feeWei))} CNX, out of the contract's escrow to`,
      ...nodes.map(({ number, address, paidWei }) => `  node ${number}  ${address}  ${formatCnx(BigInt(paidWei))} CNX`),
    ].join('\n'),
    `Gas by transaction\n${formatGas(report.gas)}`,
    `Where the time went\n${formatTimings(report.timings)}`,
    formatRelay(relay),
    ...(report.kept ? [`Everything was kept in ${report.kept}`] : []),
  ]
  return `\n${blocks.join('\n\n')}\n`
}

function formatGas(gas: DemoReport['gas']): string {
  const rows = gas.map(({ transaction, count, leastGas, mostGas, totalGas }) => [
    transaction,
    `${count} ×`,
    leastGas === mostGas ? thousands(mostGas) : `${thousands(leastGas)} … ${thousands(mostGas)}`,
    thousands(totalGas),
  ])
  const ofTask = gas.filter(({ transaction }) => !/^(join|deposit)/.test(transaction))
  const total = ofTask.reduce((sum, { totalGas }) => sum + BigInt(totalGas), 0n)
  rows.push(['the task, without joining and depositing', '', '', thousands(total.toString())])
  return table(rows, ['left', 'right', 'right', 'right'])
}

function formatTimings(timings: DemoReport['timings']): string {
  return table(
    timings.map(({ what, ms }) => [what, `${(ms / 1000).toFixed(1)} s`]),
    ['left', 'right'],
  )
}

function formatRelay({ blobs, holdsResult, deletion }: DemoReport['relay']): string {
  const held = blobs === 0 && !holdsResult ? 'nothing' : `${blobs} files${holdsResult ? ', and still the result' : ''}`
  const receipt = deletion
    ? `It signed that it deleted everything at ${new Date(deletion.deletedAt * 1000).toISOString()}:\n  ${deletion.signature}`
    : 'It has not signed a deletion receipt.'
  return `What the relay still holds: ${held}. ${receipt}`
}

/** Columns two spaces apart, each row indented by two. */
function table(rows: readonly (readonly string[])[], align: readonly ('left' | 'right')[]): string {
  const widths = align.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) =>
      align
        .map((side, column) => {
          const cell = row[column] ?? ''
          const width = widths[column] ?? 0
          return side === 'left' ? cell.padEnd(width) : cell.padStart(width)
        })
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `  ${line}`)
    .join('\n')
}

const thousands = (digits: string): string => digits.replace(/\B(?=(\d{3})+$)/g, ',')
