import type { Address, Hex } from '../../base/hex.js'
import type { ChainReader } from '../../chain/client.js'
import { readParameters } from '../../chain/read/parameters.js'
import type { ChainTask, TaskState } from '../../chain/read/task.js'
import { readTaskCheats } from '../../chain/read/taskCheats.js'
import { readTaskPayments } from '../../chain/read/taskPayments.js'
import { OUTCOME, type OutcomeName, outcomeName } from '../../protocol/outcome.js'
import { scoresAgree } from '../../protocol/scoreAgreement.js'
import { ResultForgottenError } from './collectResult.js'
import { type OutTarget, planResultFiles, readUnchanged, writeResultFiles } from './resultFiles.js'
import type { TaskJournal, TaskJournalEntry, WrittenFile } from './taskJournal.js'
import type { AppTransactionName } from './taskProgress.js'
import type { AppDependencies } from './taskSession.js'
import { extensionOf, scoreOfUploader } from './taskShape.js'

/** One drawn node's part in the task, as its creator sees it. */
export type NodeReport = {
  address: Address
  /** `pending`: not revealed yet; `silent`: it never was. */
  outcome: OutcomeName | 'pending' | 'silent'
  /** null until revealed, and for errors. */
  score: Hex | null
  /** Whether the score is the uploader's, within the network's threshold. */
  agrees: boolean
  /** Whether it lost its stake in this task. */
  slashed: boolean
  paidWei: string
}

/** The data of `crynux.task-submit/v1`. Amounts in wei as decimal text, times in ms. Holds nothing of the arguments. */
export type SubmitResult = {
  taskId: Hex
  key: string
  state: TaskState
  creator: Address
  feeWei: string
  nodes: NodeReport[]
  files: WrittenFile[]
  score: Hex | null
  uploader: Address | null
  /** Where the time went in this run; phases that were over before it are 0. */
  timings: Record<TimingName, number>
  transactions: { what: AppTransactionName; hash: Hex; gasUsed: string }[]
  /** The relay's confirmation that it holds nothing of the task any more. */
  deletion: { deletedAt: number; signature: Hex } | null
  /** Whether the task was already on chain when this run began. */
  resumed: boolean
}

const PHASES = [
  ['payMs', 'created'],
  ['drawMs', 'drawn'],
  ['sendArgumentsMs', 'argumentsSent'],
  ['computeMs', 'committed'],
  ['revealMs', 'decided'],
  ['uploadMs', 'completed'],
  ['fetchMs', 'fetched'],
  ['writeMs', 'written'],
  ['acknowledgeMs', 'acknowledged'],
] as const

export type TimingName = (typeof PHASES)[number][0] | 'totalMs'

/** What there is to tell about a task. */
export async function taskReport(
  { chain, clock }: Pick<AppDependencies, 'chain' | 'clock'>,
  {
    task,
    entry,
    marks,
    resumed,
    startedAtMs,
  }: {
    task: ChainTask
    entry: TaskJournalEntry
    marks: ReadonlyMap<string, number>
    resumed: boolean
    startedAtMs: number
  },
): Promise<SubmitResult> {
  const uploaded = scoreOfUploader(task)
  return {
    taskId: task.id,
    key: entry.key,
    state: task.state,
    creator: task.creator,
    feeWei: task.feeWei.toString(),
    nodes: await readNodeReports(chain, task),
    files: entry.written?.files ?? [],
    score: uploaded === '0x' ? null : uploaded,
    uploader: task.uploader,
    timings: timingsOf(marks, startedAtMs, clock.now()),
    transactions: entry.transactions.flatMap(({ what, hash, gasUsed }) =>
      hash !== null && gasUsed !== null ? [{ what, hash, gasUsed }] : [],
    ),
    deletion: entry.acknowledged?.signature
      ? { deletedAt: entry.acknowledged.deletedAt, signature: entry.acknowledged.signature }
      : null,
    resumed,
  }
}

/** The three drawn nodes of a task: what they said, and what they got for it. */
export async function readNodeReports(chain: ChainReader, task: ChainTask): Promise<NodeReport[]> {
  if (task.slots.length === 0) return []
  const [payments, cheats, { hammingThreshold }] = await Promise.all([
    readTaskPayments(chain, { taskId: task.id }),
    readTaskCheats(chain, { taskId: task.id }),
    readParameters(chain),
  ])
  const agreed = scoreOfUploader(task)
  const unspoken = task.state === 'started' || task.state === 'revealing' ? 'pending' : 'silent'
  return task.slots.map(({ node, revealed, outcome, score }) => ({
    address: node,
    outcome: revealed ? outcomeName(outcome) : unspoken,
    score: revealed && score !== '0x' ? score : null,
    agrees:
      revealed &&
      outcome === OUTCOME.result &&
      agreed !== '0x' &&
      scoresAgree(task.kind, score, agreed, hammingThreshold),
    slashed: cheats.some((cheat) => cheat.toLowerCase() === node.toLowerCase()),
    paidWei: payments
      .filter((payment) => payment.node.toLowerCase() === node.toLowerCase())
      .reduce((sum, { amountWei }) => sum + amountWei, 0n)
      .toString(),
  }))
}

/**
 * Answers a rerun of a task whose result was delivered and deleted at the relay: from the files that were written then.
 *
 * @returns null when the relay still has the result (nothing was acknowledged).
 * @throws ResultForgottenError when the files are gone, too.
 */
export async function redeliver(
  dependencies: AppDependencies,
  {
    journal,
    entry,
    task,
    out,
    startedAtMs,
  }: {
    journal: TaskJournal
    entry: TaskJournalEntry
    task: ChainTask
    out: OutTarget
    startedAtMs: number
  },
): Promise<SubmitResult | null> {
  if (!entry.written || !entry.acknowledged || task.state !== 'completed') return null
  const files = await readUnchanged(entry.written.files)
  if (!files) {
    const paths = entry.written.files.map(({ path }) => `'${path}'`).join(', ')
    throw new ResultForgottenError(task.id, `it was written to ${paths}, which is no longer as it was`)
  }
  const report = (finalEntry: TaskJournalEntry) =>
    taskReport(dependencies, { task, entry: finalEntry, marks: new Map(), resumed: true, startedAtMs })
  const plan = await planResultFiles({ out, count: files.length, extension: extensionOf(task) })
  if (plan.paths.every((path, index) => path === entry.written?.files[index]?.path)) return report(entry)
  // Asked for at another place this time: the verified files are copied there.
  const written = await writeResultFiles({ files, ...plan, force: out.force })
  const moved = entry.written.files.map((file, index) => ({ ...file, path: written[index]?.path ?? file.path }))
  const finalEntry = { ...entry, out, written: { ...entry.written, files: moved } }
  await journal.write(finalEntry)
  return report(finalEntry)
}

function timingsOf(marks: ReadonlyMap<string, number>, startedAtMs: number, nowMs: number): SubmitResult['timings'] {
  const timings = { totalMs: nowMs - startedAtMs } as SubmitResult['timings']
  let reached = startedAtMs
  for (const [name, mark] of PHASES) {
    const at = Math.max(reached, marks.get(mark) ?? reached)
    timings[name] = at - reached
    reached = at
  }
  return timings
}
