import { resolve, sep } from 'node:path'
import type { Hex } from '../../base/hex.js'
import { type ChainTask, readTask } from '../../chain/read/task.js'
import { type FollowOptions, followTask } from './followTask.js'
import { type PreparedTask, prepareTask, requestOf, type SubmitOptions, sizeOf } from './prepareTask.js'
import { readinessBeforePaying } from './readiness.js'
import { type OutTarget, planResultFiles, refuseTakenPaths } from './resultFiles.js'
import { KeyTakenError, NotOverError, NotYourTaskError } from './taskErrors.js'
import { openTaskJournal, type TaskJournal, type TaskJournalEntry } from './taskJournal.js'
import { redeliver, type SubmitResult, taskReport } from './taskReport.js'
import { type AppDependencies, createTaskSession, type TaskSubmission } from './taskSession.js'
import { extensionOf, fileCountOf } from './taskShape.js'

/**
 * Runs one task on the network: pays, seals the arguments to the three drawn nodes, waits, verifies the result against the
 * agreed score, writes the files, and has the relay delete everything.
 *
 * It can be killed at any point: run again with the same key and arguments, it continues where it stood, and pays nothing twice.
 *
 * @throws KeyTakenError (2), OutTargetError (2), InsufficientTokensError (4), NoNodesError (7), TaskAbortedError (8),
 *   QueueTimeoutError (10), NotDeliverableError (11), and what chain (5) and relay (6) throw.
 */
export async function submitTask(dependencies: AppDependencies, options: SubmitOptions): Promise<SubmitResult> {
  const prepared = prepareTask(dependencies, options)
  return withJournal(dependencies, prepared.taskId, (journal) =>
    submitPrepared(dependencies, options, prepared, journal),
  )
}

async function submitPrepared(
  dependencies: AppDependencies,
  options: SubmitOptions,
  prepared: PreparedTask,
  journal: TaskJournal,
): Promise<SubmitResult> {
  const { chain, clock, wallet } = dependencies
  const startedAtMs = clock.now()
  const { taskId, key, argsHash } = prepared
  const task = await readTask(chain, { taskId })
  if (task && task.argsHash.toLowerCase() !== argsHash) throw new KeyTakenError(key, taskId)
  // What a journal says of a task that this chain does not have was about another chain of the same number.
  const remembered = task ? journal.read() : undefined
  const out = absolute(options.out ?? defaultOutOf(taskId))
  if (task && remembered) {
    const delivered = await redeliver(dependencies, { journal, entry: remembered, task, out, startedAtMs })
    if (delivered) return delivered
  }
  const plan = await planResultFiles({ out, count: fileCountOf(prepared), extension: extensionOf(prepared) })
  if (!task) await refuseTakenPaths({ ...plan, force: out.force })
  const relay = task?.relay ?? (await readinessBeforePaying(dependencies, options, taskId))
  const entry: TaskJournalEntry = {
    ...(remembered ?? blankEntry(clock.now())),
    taskId,
    key,
    creator: wallet.address,
    kind: options.task.kind,
    argumentsDigest: prepared.argumentsDigest,
    argsHash,
    feeWei: (task?.feeWei ?? options.feeWei).toString(),
    size: sizeOf(options.task),
    out,
    endedAtMs: null,
  }
  return follow(dependencies, {
    journal,
    entry,
    startedAtMs,
    resumed: task !== null,
    submission: {
      salt: prepared.salt,
      canonicalArguments: prepared.canonicalArguments,
      request: requestOf(prepared, options, relay),
    },
    until: options.detach ? 'argumentsSent' : 'delivered',
    queueTimeoutMs: options.queueTimeoutMs,
  })
}

async function follow(
  dependencies: AppDependencies,
  options: FollowOptions & {
    journal: TaskJournal
    entry: TaskJournalEntry
    submission: TaskSubmission | null
    startedAtMs: number
    resumed: boolean
  },
): Promise<SubmitResult> {
  const { journal, entry, submission, startedAtMs, resumed, ...followOptions } = options
  const { taskId, key, creator, argsHash } = entry
  // Known on disk and to the user before anything is sent: without the key a task cannot be resumed.
  await journal.write(entry)
  dependencies.onProgress?.({ at: 'prepared', taskId, key, creator, feeWei: BigInt(entry.feeWei), argsHash, resumed })
  const session = createTaskSession(dependencies, { journal, entry, submission })
  const task = await followTask(dependencies, session, followOptions)
  return taskReport(dependencies, { task, entry: session.entry(), marks: session.marks, resumed, startedAtMs })
}

const blankEntry = (createdAtMs: number) => ({
  relayUrl: null,
  argumentsSent: false,
  transactions: [],
  faulty: null,
  written: null,
  acknowledged: null,
  createdAtMs,
})

/** A relative path means another place when the command is run again elsewhere; that it ends with a separator has a meaning. */
const absolute = ({ path, force }: OutTarget): OutTarget => ({
  path: resolve(path) + (/[/\\]$/.test(path) ? sep : ''),
  force,
})

async function withJournal<T>(
  { chain, dataFolder }: AppDependencies,
  taskId: Hex,
  run: (journal: TaskJournal) => Promise<T>,
): Promise<T> {
  const { chainId, contracts } = chain.profile
  const journal = await openTaskJournal({ dataFolder, chainId, consensus: contracts.consensus, taskId })
  try {
    return await run(journal)
  } finally {
    await journal.close()
  }
}

/**
 * Continues a task that the chain already has, without its arguments: waits for its end, and fetches the result.
 *
 * @throws NotYourTaskError (2), ArgumentsNeededError (2), and what `submitTask` throws.
 */
export async function resumeTask(
  dependencies: AppDependencies,
  options: { taskId: Hex; out?: OutTarget; queueTimeoutMs: number; mustBeOver?: boolean },
): Promise<SubmitResult> {
  const startedAtMs = dependencies.clock.now()
  const { taskId } = options
  const task = await readOwnTask(dependencies, taskId)
  if (options.mustBeOver && task.state !== 'completed' && task.state !== 'aborted')
    throw new NotOverError(taskId, task.state)
  return withJournal(dependencies, taskId, async (journal) => {
    const remembered = journal.read()
    const out = options.out ? absolute(options.out) : (remembered?.out ?? absolute(defaultOutOf(taskId)))
    if (remembered) {
      const delivered = await redeliver(dependencies, { journal, entry: remembered, task, out, startedAtMs })
      if (delivered) return delivered
    }
    await planResultFiles({ out, count: fileCountOf(task), extension: extensionOf(task) })
    const entry: TaskJournalEntry = {
      ...(remembered ?? {
        ...blankEntry(dependencies.clock.now()),
        taskId,
        key: '',
        creator: task.creator,
        kind: task.kind,
        argumentsDigest: null,
        argsHash: task.argsHash,
        feeWei: task.feeWei.toString(),
        size: null,
      }),
      out,
      endedAtMs: null,
    }
    const { queueTimeoutMs } = options
    return follow(dependencies, {
      journal,
      entry,
      startedAtMs,
      resumed: true,
      submission: null,
      until: 'delivered',
      queueTimeoutMs,
    })
  })
}

/** Where results go when nobody says: a folder named after the task. */
export const defaultOutOf = (taskId: Hex): OutTarget => ({ path: `crynux-${taskId.slice(2, 10)}/`, force: false })

/**
 * Reads a task of this wallet.
 *
 * @throws NotYourTaskError (2)
 */
export async function readOwnTask({ chain, wallet }: AppDependencies, taskId: Hex): Promise<ChainTask> {
  const task = await readTask(chain, { taskId })
  if (task?.creator.toLowerCase() === wallet.address.toLowerCase()) return task
  throw new NotYourTaskError(
    task ? `task ${taskId} was created by ${task.creator}, not by this wallet` : `the chain knows no task ${taskId}`,
    {
      remedy: 'Check the id, the --network and the --keystore; `crynux task list` shows the tasks of this wallet.',
      details: { taskId },
    },
  )
}
