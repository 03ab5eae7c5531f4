import { CrynuxError, EXIT } from '../../base/errors.js'
import { retry } from '../../base/retry.js'
import { readAvailableCount } from '../../chain/read/availableCount.js'
import { readLedgerBalance } from '../../chain/read/ledgerBalance.js'
import { readPendingTransactions } from '../../chain/read/pendingTransactions.js'
import { type ChainTask, readTask } from '../../chain/read/task.js'
import { readTaskPayments } from '../../chain/read/taskPayments.js'
import { TransactionRevertedError } from '../../chain/revert.js'
import { type WatchedBlock, watchBlocks } from '../../chain/watch.js'
import { type AppFacts, type AppStep, nextStep, sendsTransaction } from './nextStep.js'
import { type DueStep, drawOf, performStep } from './performStep.js'
import { readUnchanged } from './resultFiles.js'
import { NotDeliverableError, PendingTransactionsError, QueueTimeoutError, TaskAbortedError } from './taskErrors.js'
import type { TaskJournalEntry } from './taskJournal.js'
import type { AppDependencies, TaskSession } from './taskSession.js'
import { requirementsOf } from './taskShape.js'
import { createTransitionReporter } from './transitionReporter.js'
import { createWake, orAborted } from './wake.js'

export type FollowOptions = {
  /** `argumentsSent`: return as soon as the nodes have all they need. */
  until: 'delivered' | 'argumentsSent'
  /** How long to wait for three free nodes, in ms. */
  queueTimeoutMs: number
}

/** A transaction of the wallet that no block takes for so long is somebody's problem to look at. */
const PENDING_TIMEOUT_MS = 120_000

/** How often in a row the chain may refuse a step because somebody else was quicker. */
const MAXIMUM_REFUSALS = 5

/**
 * Takes a task from wherever it stands to its end: the one loop behind submitting, resuming and waiting.
 *
 * Each turn reads the chain, asks `nextStep`, and does that one thing. Blocks and relay events only wake it.
 *
 * @throws TaskAbortedError (8), QueueTimeoutError (10), PendingTransactionsError (10), NotDeliverableError (11),
 *   InsufficientTokensError (4), ArgumentsNeededError (2), and what chain and relay throw. After any of them a rerun continues.
 */
export async function followTask(
  dependencies: AppDependencies,
  session: TaskSession,
  options: FollowOptions,
): Promise<ChainTask> {
  const ended = new AbortController()
  const signal = AbortSignal.any([dependencies.signal, ended.signal])
  const following = { ...dependencies, signal, wake: createWake() }
  const events = watchRelayEvents(following, session)
  try {
    return await followUntilEnd(following, session, { ...options, onTask: events.onTask })
  } finally {
    ended.abort(new DOMException('the task is no longer followed', 'AbortError'))
    await events.stopped()
  }
}

type Following = AppDependencies & { wake: ReturnType<typeof createWake> }

async function followUntilEnd(
  following: Following,
  session: TaskSession,
  { until, queueTimeoutMs, onTask }: FollowOptions & { onTask(task: ChainTask): void },
): Promise<ChainTask> {
  const { chain, wallet, clock, logger, signal, wake } = following
  const { taskId, progress } = session
  const reportTransitions = createTransitionReporter({ onProgress: progress, mark: session.mark })
  const latestBlock = await watchLatestBlock(following)
  const since = createStopwatch(clock.now)
  let refusals = 0
  let freeNodesShown: number | undefined
  let pendingShown = false
  for (;;) {
    signal.throwIfAborted()
    const news = wake.next()
    const task = await readingAgain(following, () => readTask(chain, { taskId }))
    if (task) onTask(task)
    reportTransitions(task)
    await forgetLostFiles(session)
    await forgetLostDraw(session, task)
    const facts = await readingAgain(following, () => readFacts(following, session, { task, block: latestBlock() }))
    const step = await readingAgain(following, () => stepToTake(following, facts))

    if (step.do === 'finish') return finish(following, session, { task, because: step.because })
    if (until === 'argumentsSent' && task && task.state !== 'queued' && step.do !== 'sendArguments') return task

    const waitsFor = step.do === 'wait' ? step.for : null
    if (since('pendingTransactions', waitsFor === 'pendingTransactions') > PENDING_TIMEOUT_MS) {
      throw new PendingTransactionsError(wallet.address)
    }
    if (since('queued', task?.state === 'queued') > queueTimeoutMs)
      throw new QueueTimeoutError(taskId, session.entry().key)
    if (waitsFor === 'pendingTransactions' && !pendingShown) {
      pendingShown = true
      progress({ at: 'pendingTransactions' })
    }
    if (waitsFor === 'nodes' && facts.freeNodes !== freeNodesShown) {
      freeNodesShown = facts.freeNodes
      progress({ at: 'queued', freeNodes: facts.freeNodes })
    }
    if (step.do === 'wait') {
      await orAborted(news, signal)
      continue
    }
    try {
      await performStep(following, session, { step, task })
      refusals = 0
    } catch (error) {
      if (++refusals > MAXIMUM_REFUSALS || !(await mayHavePassed(following, session, { error, step, task })))
        throw error
      logger.debug({ error, taskId, step: step.do }, 'the chain refused a step; reading again')
      await orAborted(news, signal)
    }
  }
}

/** Asks for pending transactions only when the answer matters: before a transaction. */
async function stepToTake({ chain, wallet }: Following, facts: AppFacts): Promise<AppStep> {
  const step = nextStep(facts)
  if (!sendsTransaction(step)) return step
  const pending = await readPendingTransactions(chain, { account: wallet.address })
  return nextStep({ ...facts, pendingTransactions: pending > 0 })
}

async function readFacts(
  { chain, wallet }: Following,
  session: TaskSession,
  { task, block }: { task: ChainTask | null; block: AppFacts['block'] },
): Promise<AppFacts> {
  const { feeWei, written, faulty, acknowledged } = session.entry()
  const balanceWei = task ? 0n : await readLedgerBalance(chain, { account: wallet.address })
  const missingWei = BigInt(feeWei) - balanceWei
  return {
    task: task && { ...task, committed: task.slots.filter(({ committed }) => committed).length },
    block,
    pendingTransactions: false,
    ledgerShortWei: !task && missingWei > 0n ? missingWei : 0n,
    freeNodes: task?.state === 'queued' ? await readAvailableCount(chain, requirementsOf(task)) : 0,
    argumentsSent: task !== null && wereArgumentsSent(session.entry(), task),
    writtenDigest: written?.resultDigest ?? null,
    faulty: faulty && { resultDigest: faulty.resultDigest, proven: faulty.signature !== null },
    acknowledged: acknowledged !== null,
  }
}

/** A task that waits for its draw (again) has no nodes that could have the arguments. Whoever has them sends them once more. */
async function forgetLostDraw(session: TaskSession, task: ChainTask | null): Promise<void> {
  const isDrawn = task !== null && task.state !== 'queued'
  if (!isDrawn && session.submission && session.entry().argumentsSent) await session.remember({ argumentsSent: false })
}

/** The nodes of another draw cannot open what was sealed to these, and a relay that saw no draw has deleted it. */
export function wereArgumentsSent(
  { argumentsSent, argumentsSentFor }: Pick<TaskJournalEntry, 'argumentsSent' | 'argumentsSentFor'>,
  task: Pick<ChainTask, 'slots' | 'commitDeadline'>,
): boolean {
  if (!argumentsSent || !argumentsSentFor) return argumentsSent
  const now = drawOf(task)
  return argumentsSentFor.commitDeadline === now.commitDeadline && argumentsSentFor.nodes.join() === now.nodes.join()
}

/** Files that somebody removed before the relay was told to delete its own are fetched again. */
async function forgetLostFiles(session: TaskSession): Promise<void> {
  const { written, acknowledged } = session.entry()
  if (written && !acknowledged && !(await readUnchanged(written.files))) await session.remember({ written: null })
}

/**
 * Whether a failed step may have been somebody else's success: a draw or a deadline that another account acted on first, the
 * last free node that another task took, a permit that another task of this wallet used up.
 */
async function mayHavePassed(
  { chain }: Following,
  session: TaskSession,
  { error, step, task }: DueStep & { error: unknown },
): Promise<boolean> {
  if (step.do === 'sendArguments' && error instanceof CrynuxError && error.exitCode === EXIT.relay) {
    // A relay that did not answer in time may have outlived the task: then that is what the user must hear.
    return (await readTask(chain, { taskId: session.taskId }))?.state !== 'started'
  }
  if (!(error instanceof TransactionRevertedError) || !sendsTransaction(step)) return false
  if (step.do === 'deposit' || step.do === 'start' || step.do === 'advance') return true
  // Another task of this wallet may have spent the balance in between.
  if (error.errorName === 'TaskConsensus_InsufficientBalance') return true
  const now = await readTask(chain, { taskId: session.taskId })
  if (step.do === 'create') return now !== null
  if (now?.redelivery || now?.resultDigest !== task?.resultDigest) return true
  throw new NotDeliverableError(session.taskId, 'the upload is faulty, and it is too late to have it replaced', error)
}

async function finish(
  { chain, clock }: Following,
  session: TaskSession,
  { task, because }: { task: ChainTask | null; because: 'delivered' | 'aborted' | 'undeliverable' },
): Promise<ChainTask> {
  if (task && because === 'delivered') return task
  await session.remember({ endedAtMs: clock.now() })
  if (!task || because !== 'aborted') {
    throw new NotDeliverableError(session.taskId, 'no node is left that could deliver it')
  }
  const payments = await readTaskPayments(chain, { taskId: task.id })
  const paidWei = payments.reduce((sum, { amountWei }) => sum + amountWei, 0n)
  throw new TaskAbortedError(task, { refundWei: task.feeWei - paidWei })
}

/** A chain endpoint that hiccups must not end a task that takes minutes; reading is harmless. */
const readingAgain = <T>({ clock, signal }: Following, read: () => Promise<T>): Promise<T> =>
  retry(read, {
    clock,
    signal,
    attempts: 6,
    firstDelayMs: 1_000,
    isTemporary: (error) => error instanceof CrynuxError && error.code === 'CRYNUX_CHAIN_UNREACHABLE',
  })

/** The newest block so far; every new one wakes the loop. */
async function watchLatestBlock({ chain, signal, wake }: Following): Promise<() => AppFacts['block']> {
  return new Promise((resolve, reject) => {
    let latest: WatchedBlock | undefined
    watchBlocks(chain, {
      signal,
      onBlock: (block) => {
        latest = block
        resolve(() => latest ?? block)
        wake.notify()
      },
    })
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

/** Events save seconds, nothing depends on them: blocks wake the loop as well. */
function watchRelayEvents({ clock, logger, signal, wake }: Following, session: TaskSession) {
  let watching: Promise<void> | undefined
  const watch = async (task: ChainTask): Promise<void> => {
    while (!signal.aborted) {
      try {
        const relay = await session.relayOf(task)
        return await relay.watchTask(task.id, { signal, onEvent: wake.notify })
      } catch (error) {
        if (signal.aborted) return
        logger.debug({ error, taskId: task.id }, "the relay's events are not available; blocks will do")
      }
      await clock.sleep(5_000, signal).catch(() => undefined)
    }
  }
  return {
    onTask: (task: ChainTask) => {
      watching ??= watch(task)
    },
    stopped: async () => watching,
  }
}

/** For how many ms each of several things has been the case without a break. */
function createStopwatch(now: () => number): (name: string, isSo: boolean) => number {
  const startedAt = new Map<string, number>()
  return (name, isSo) => {
    if (!isSo) {
      startedAt.delete(name)
      return 0
    }
    const started = startedAt.get(name) ?? now()
    startedAt.set(name, started)
    return now() - started
  }
}
