import { recoverTypedDataAddress } from 'viem/utils'
import type { Clock } from '../../base/clock.js'
import { CrynuxError, EXIT } from '../../base/errors.js'
import type { Address, Hex } from '../../base/hex.js'
import type { Logger } from '../../base/logger.js'
import { retry } from '../../base/retry.js'
import { formatCnx } from '../../base/units.js'
import type { ChainWriter } from '../../chain/client.js'
import { readAvailableCount } from '../../chain/read/availableCount.js'
import { readLedgerBalance } from '../../chain/read/ledgerBalance.js'
import { readNode } from '../../chain/read/node.js'
import { readPendingTransactions } from '../../chain/read/pendingTransactions.js'
import { readRelayUrl } from '../../chain/read/relayUrl.js'
import { type ChainTask, readTask } from '../../chain/read/task.js'
import { readTaskPayments } from '../../chain/read/taskPayments.js'
import { readTokenBalance } from '../../chain/read/tokenBalance.js'
import { watchBlocks } from '../../chain/watch.js'
import { advanceTask } from '../../chain/write/advanceTask.js'
import { createTask } from '../../chain/write/createTask.js'
import { deposit } from '../../chain/write/deposit.js'
import { reportFault } from '../../chain/write/reportFault.js'
import { startTask } from '../../chain/write/startTask.js'
import { encryptionKeyFromSecret } from '../../protocol/encryptionKey.js'
import { sealArguments } from '../../protocol/envelope.js'
import { deletionReceiptTypedData } from '../../protocol/receipt.js'
import type { Wallet } from '../../protocol/wallet.js'
import type { RelayClient } from '../../relayClient/client.js'
import { collectResult, ResultForgottenError } from './collectResult.js'
import { type AppFacts, type AppStep, nextStep, sendsTransaction } from './nextStep.js'
import { planResultFiles, readUnchanged, writeResultFiles } from './resultFiles.js'
import type { TaskJournal, TaskJournalEntry } from './taskJournal.js'
import type { AppTransactionName, TaskProgress } from './taskProgress.js'
import { createTransitionReporter } from './transitionReporter.js'
import { createWake, orAborted } from './wake.js'

/** What the application's role works with. */
export type AppDependencies = {
  chain: ChainWriter
  wallet: Wallet
  openRelay(url: string): RelayClient
  /** Journals are kept below it. */
  dataFolder: string
  clock: Clock
  logger: Logger
  /** Ends every wait; the task can be resumed. */
  signal: AbortSignal
  onProgress?(event: TaskProgress): void
}

/** What only the one who submits knows: needed until the arguments are at the relay. */
export type TaskSubmission = {
  /** As `createTask` takes it. */
  request: Parameters<typeof createTask>[1]
  /** 32 bytes, part of the hash on chain. */
  salt: Uint8Array
  canonicalArguments: Uint8Array
}

export type FollowOptions = {
  taskId: Hex
  /** null when an existing task is followed without its arguments. */
  submission: TaskSubmission | null
  /** `argumentsSent`: return as soon as the nodes have all they need. */
  until: 'delivered' | 'argumentsSent'
  /** How long to wait for three free nodes, in ms. */
  queueTimeoutMs: number
}

export type FollowedTask = { task: ChainTask; entry: TaskJournalEntry; marks: ReadonlyMap<string, number> }

/** A transaction of the wallet that no block takes for so long is somebody's problem to look at. */
const PENDING_TIMEOUT_MS = 120_000

/**
 * Takes a task from wherever it stands to its end: the one loop behind submitting, resuming and waiting.
 *
 * Each turn reads the chain, asks `nextStep`, and does that one thing. Blocks and relay events only wake it.
 *
 * @throws TaskAbortedError (8), QueueTimeoutError (10), PendingTransactionsError (10), NotDeliverableError (11),
 *   InsufficientTokensError (4), ArgumentsNeededError (2), and what chain and relay throw. After any of them a rerun continues.
 */
export async function followTask(
  dependencies: AppDependencies & { journal: TaskJournal },
  startEntry: TaskJournalEntry,
  options: FollowOptions,
): Promise<FollowedTask> {
  const { chain, wallet, clock, logger, journal, onProgress = () => {} } = dependencies
  const { taskId, submission } = options
  const ended = new AbortController()
  const signal = AbortSignal.any([dependencies.signal, ended.signal])
  const wake = createWake()
  const marks = new Map<string, number>([['start', clock.now()]])
  const mark = (name: string) => {
    if (!marks.has(name)) marks.set(name, clock.now())
  }
  const reportTransitions = createTransitionReporter({ onProgress, mark })

  let entry = startEntry
  const remember = async (change: Partial<TaskJournalEntry>) => {
    entry = { ...entry, ...change }
    await journal.write(entry)
  }

  const latest = await chain.client.getBlock({ blockTag: 'latest', includeTransactions: false })
  let block = { number: Number(latest.number), timestamp: Number(latest.timestamp) }
  watchBlocks(chain, {
    signal,
    onBlock: (mined) => {
      block = mined
      wake.notify()
    },
  })

  const identity = encryptionKeyFromSecret(wallet.deriveSecret({ use: 'result key', taskId }))
  let relay: RelayClient | undefined
  const relayOf = async (task: ChainTask): Promise<RelayClient> => {
    if (relay) return relay
    const url = await readRelayUrl(chain, { relay: task.relay })
    if (url === null) throw new RelayGoneError(task.relay)
    relay = dependencies.openRelay(url)
    return relay
  }
  const askRelay = <T>(attempt: () => Promise<T>): Promise<T> =>
    // Relay and application may read different chain endpoints: what is refused now may be granted a block later.
    retry(attempt, { clock, signal, attempts: 5, isTemporary: isRelayError })

  let events: Promise<void> | undefined
  const watchEvents = (task: ChainTask) => {
    events ??= watchRelay(task).catch(() => undefined)
  }
  async function watchRelay(task: ChainTask): Promise<void> {
    const client = await relayOf(task)
    while (!signal.aborted) {
      // Events save seconds, nothing depends on them: blocks wake the loop as well.
      await client.watchTask(taskId, { signal, onEvent: () => wake.notify() }).catch((error: unknown) => {
        if (!signal.aborted) logger.debug({ error, taskId }, "the relay's events are not available; blocks will do")
      })
      await clock.sleep(2_000, signal)
    }
  }

  /** The journal knows of a transaction before the chain can. */
  const transact = async (what: AppTransactionName, send: () => Promise<{ hash: Hex; gasUsed: bigint }>) => {
    const before = entry.transactions
    await remember({ transactions: [...before, { what, hash: null, gasUsed: null }] })
    try {
      const { hash, gasUsed } = await send()
      await remember({ transactions: [...before, { what, hash, gasUsed: gasUsed.toString() }] })
      onProgress({ at: 'transaction', what, hash, gasUsed })
    } catch (error) {
      if (isRevert(error)) await remember({ transactions: before })
      throw error
    }
  }

  const readFacts = async (task: ChainTask | null): Promise<AppFacts> => ({
    task: task && { ...task, committed: task.slots.filter(({ committed }) => committed).length },
    block,
    pendingTransactions: false,
    ledgerShortWei: task ? 0n : await shortOf(dependencies, BigInt(entry.feeWei)),
    freeNodes: task?.state === 'queued' ? await readAvailableCount(chain, requirementsOf(task)) : 0,
    argumentsSent: entry.argumentsSent,
    writtenDigest: entry.written?.resultDigest ?? null,
    faulty: entry.faulty && { resultDigest: entry.faulty.resultDigest, proven: entry.faulty.signature !== null },
    acknowledged: entry.acknowledged !== null,
  })

  const perform = async (step: AppStep, task: ChainTask | null): Promise<void> => {
    switch (step.do) {
      case 'deposit': {
        const held = await readTokenBalance(chain, { account: wallet.address })
        if (held < step.amountWei) throw new InsufficientTokensError(step.amountWei, held, BigInt(entry.feeWei))
        return transact('deposit', () => deposit(chain, { amountWei: step.amountWei }))
      }
      case 'create': {
        if (!submission) throw new UnknownTaskError(taskId)
        await transact('create', () => createTask(chain, submission.request))
        // An endpoint that lags behind the one with the receipt must not make us create it again.
        for (let blocks = 0; blocks < 30; blocks++) {
          const news = wake.next()
          if (await readTask(chain, { taskId })) return
          await orAborted(news, signal)
        }
        return
      }
      case 'start':
        return transact('start', () => startTask(chain, { taskId }))
      case 'advance':
        return transact('advance', () => advanceTask(chain, { taskId }))
      case 'sendArguments': {
        if (!submission) throw new ArgumentsNeededError(taskId)
        if (!task) return
        const nodes = await Promise.all(task.slots.map(({ node }) => readNode(chain, { node })))
        const sealed = await sealArguments(
          {
            salt: submission.salt,
            canonicalArguments: submission.canonicalArguments,
            resultRecipient: identity.publicKey,
          },
          nodes.map(({ encryptionKey }) => encryptionKey).filter((key) => BigInt(key) !== 0n),
        )
        const client = await relayOf(task)
        await askRelay(() => client.putArguments(taskId, sealed, { signal }))
        await remember({ argumentsSent: true })
        mark('argumentsSent')
        onProgress({ at: 'argumentsSent', bytes: sealed.byteLength })
        return
      }
      case 'collect':
        return collect(must(task), step.resultDigest)
      case 'dispute':
        return dispute(must(task), step.resultDigest)
      case 'reportFault': {
        const signature = entry.faulty?.signature
        if (!signature) return
        await transact('reportFault', () => reportFault(chain, { taskId, resultDigest: step.resultDigest, signature }))
        return
      }
      case 'acknowledge':
        return acknowledge(must(task))
      default:
        return
    }
  }

  async function collect(task: ChainTask, resultDigest: Hex): Promise<void> {
    const client = await relayOf(task)
    const collected = await askRelay(() =>
      collectResult(
        { relay: client, identity: identity.identity },
        {
          taskId,
          kind: task.kind,
          count: fileCountOf(task),
          resultDigest,
          score: scoreOfUploader(task),
          size: entry.size,
        },
      ),
    )
    mark('fetched')
    if (!collected.verified) {
      onProgress({ at: 'uploadFaulty', uploader: task.uploader, reason: collected.reason })
      return remember({ faulty: { resultDigest, signature: null } })
    }
    onProgress({ at: 'verified', count: collected.files.length })
    const plan = await planResultFiles({
      out: entry.out,
      count: collected.files.length,
      extension: task.kind === 'image' ? 'png' : 'json',
    })
    const written = await writeResultFiles({ files: collected.files, ...plan, force: entry.out.force })
    const score = scoreOfUploader(task)
    await remember({
      written: {
        resultDigest,
        files: written.map((file, index) => ({
          ...file,
          ...(task.kind === 'image' ? { phash: `0x${score.slice(2 + index * 16, 18 + index * 16)}` as Hex } : {}),
        })),
      },
    })
    mark('written')
    onProgress({ at: 'written', paths: written.map(({ path }) => path) })
  }

  async function dispute(task: ChainTask, resultDigest: Hex): Promise<void> {
    const client = await relayOf(task)
    const verdict = await askRelay(() => client.dispute(taskId, identity.identity))
    if (!verdict.faulty || !verdict.signature || verdict.resultDigest.toLowerCase() !== resultDigest.toLowerCase()) {
      throw new NotDeliverableError(
        taskId,
        'the files do not match the agreed score, and the relay does not confirm it',
      )
    }
    await remember({ faulty: { resultDigest, signature: verdict.signature } })
  }

  async function acknowledge(task: ChainTask): Promise<void> {
    const client = await relayOf(task)
    let receipt: { deletedAt: bigint; signature: Hex } | null = null
    try {
      receipt = await askRelay(() => client.deleteTask(taskId))
    } catch (error) {
      if (!isRelayError(error)) throw error
      if (!isGone(error)) {
        // The files are here and verified; the relay deletes them by itself after a day.
        logger.warn({ error, taskId }, 'the relay could not be told that the result has arrived')
        onProgress({ at: 'warning', message: 'the relay could not be told to delete the result; it will after a day' })
        return remember({ acknowledged: { deletedAt: 0, signature: null }, endedAtMs: clock.now() })
      }
    }
    const valid = receipt !== null && (await isSignedBy(receipt, task.relay))
    if (receipt && !valid) {
      onProgress({ at: 'warning', message: "the relay's deletion receipt is not signed with the relay's key" })
    }
    await remember({
      acknowledged: {
        deletedAt: receipt ? Number(receipt.deletedAt) : 0,
        signature: receipt && valid ? receipt.signature : null,
      },
      endedAtMs: clock.now(),
    })
    mark('acknowledged')
    onProgress({ at: 'acknowledged', receipt: valid })
  }

  async function isSignedBy(receipt: { deletedAt: bigint; signature: Hex }, address: Address): Promise<boolean> {
    const typedData = deletionReceiptTypedData(
      { chainId: chain.profile.chainId, consensus: chain.profile.contracts.consensus },
      { taskId, deletedAt: receipt.deletedAt },
    )
    const signer = await recoverTypedDataAddress({ ...typedData, signature: receipt.signature }).catch(() => null)
    return signer?.toLowerCase() === address.toLowerCase()
  }

  const must = (task: ChainTask | null): ChainTask => {
    if (!task) throw new UnknownTaskError(taskId)
    return task
  }

  let queuedSinceMs: number | undefined
  let pendingSinceMs: number | undefined
  let refusals = 0
  try {
    for (;;) {
      signal.throwIfAborted()
      const news = wake.next()
      const task = await readTask(chain, { taskId })
      reportTransitions(task)
      if (task) watchEvents(task)
      if (task && entry.written && !entry.acknowledged && !(await readUnchanged(entry.written.files))) {
        await remember({ written: null })
      }
      const facts = await readFacts(task)
      let step = nextStep(facts)
      if (sendsTransaction(step) && (await readPendingTransactions(chain, { account: wallet.address })) > 0) {
        step = nextStep({ ...facts, pendingTransactions: true })
      }
      if (step.do === 'finish') {
        if (step.because === 'delivered') return { task: must(task), entry, marks }
        await remember({ endedAtMs: clock.now() })
        if (step.because === 'aborted') throw await abortedError(dependencies, must(task))
        throw new NotDeliverableError(taskId, 'no node is left that could deliver it')
      }
      if (options.until === 'argumentsSent' && task && task.state !== 'queued' && step.do !== 'sendArguments') {
        return { task, entry, marks }
      }
      if (step.do !== 'wait') {
        pendingSinceMs = undefined
        try {
          await perform(step, task)
          refusals = 0
          continue
        } catch (error) {
          // Somebody else was quicker, or the last free node was taken: the next reading tells.
          const mayPass = isRevert(error) && (step.do === 'start' || step.do === 'advance' || step.do === 'create')
          if (!mayPass || ++refusals > 5) throw error
          if (step.do === 'create' && !(await readTask(chain, { taskId }))) throw error
          logger.debug({ error, taskId, step: step.do }, 'the chain refused a step; reading again')
        }
      } else if (step.for === 'pendingTransactions') {
        pendingSinceMs ??= clock.now()
        if (clock.now() - pendingSinceMs > PENDING_TIMEOUT_MS) throw new PendingTransactionsError(wallet.address)
      } else {
        pendingSinceMs = undefined
      }
      if (facts.task?.state === 'queued') {
        if (step.do === 'wait' && step.for === 'nodes') onProgress({ at: 'queued', freeNodes: facts.freeNodes })
        queuedSinceMs ??= clock.now()
        if (clock.now() - queuedSinceMs > options.queueTimeoutMs) throw new QueueTimeoutError(taskId, entry.key)
      }
      await orAborted(news, signal)
    }
  } finally {
    ended.abort(new DOMException('the task is no longer followed', 'AbortError'))
    await events
  }
}

/** What a draw asks of the nodes. */
export const requirementsOf = (task: Pick<ChainTask, 'kind' | 'minVramGb' | 'gpuModel'>) => ({
  sameGpu: task.kind === 'text',
  minVramGb: task.minVramGb,
  gpuModel: task.gpuModel,
})

/** Number of result files of a task. */
export const fileCountOf = (task: Pick<ChainTask, 'kind' | 'imageCount'>): number =>
  task.kind === 'image' ? task.imageCount : 1

/** The score that the task's uploader revealed; `0x` before there is one. */
export const scoreOfUploader = (task: Pick<ChainTask, 'slots' | 'uploader'>): Hex =>
  task.slots.find(({ node }) => node.toLowerCase() === task.uploader?.toLowerCase())?.score ?? '0x'

async function shortOf({ chain, wallet }: AppDependencies, feeWei: bigint): Promise<bigint> {
  const balance = await readLedgerBalance(chain, { account: wallet.address })
  return balance >= feeWei ? 0n : feeWei - balance
}

const codeOf = (error: unknown): string => (error instanceof CrynuxError ? error.code : '')
const isRelayError = (error: unknown): boolean => codeOf(error).startsWith('CRYNUX_RELAY_')
const isGone = (error: unknown): boolean =>
  error instanceof CrynuxError && isRelayError(error) && (error.details.status === 404 || error.details.status === 410)
const isRevert = (error: unknown): boolean => codeOf(error) === 'CRYNUX_TRANSACTION_REVERTED'

async function abortedError({ chain }: AppDependencies, task: ChainTask): Promise<TaskAbortedError> {
  const payments = await readTaskPayments(chain, { taskId: task.id })
  const paidWei = payments.reduce((sum, { amountWei }) => sum + amountWei, 0n)
  return new TaskAbortedError(task, { refundWei: task.feeWei - paidWei })
}

const ABORT_EXPLANATIONS: Record<NonNullable<ChainTask['abortReason']>, { what: string; remedy: string }> = {
  cancelled: { what: 'it was cancelled', remedy: 'Submit it again with another --key.' },
  notEnoughReveals: {
    what: 'fewer than two of its three nodes answered in time',
    remedy: 'Submit it again with another --key, perhaps with a longer --timeout.',
  },
  noAgreement: {
    what: 'its nodes did not agree on a result',
    remedy: 'Submit it again with another --key: other nodes will be drawn.',
  },
  invalidArguments: {
    what: 'its nodes agreed that the arguments are invalid',
    remedy: 'Check the arguments, for example with `crynux infer`, and submit again.',
  },
  argumentsUnavailable: {
    what: 'its nodes could not get the arguments',
    remedy: 'Submit it again with another --key, and leave this program running until the arguments are sent.',
  },
  modelUnavailable: {
    what: 'its nodes do not have the model',
    remedy: 'Choose another --model, or ask the operators of the nodes to install this one.',
  },
  notUploaded: {
    what: 'no node delivered the result in time',
    remedy: 'Submit it again with another --key: other nodes will be drawn.',
  },
}

/** A task ended without a result: exit status 8. */
export class TaskAbortedError extends CrynuxError {
  override readonly code = 'CRYNUX_TASK_ABORTED'
  override readonly exitCode = EXIT.aborted
  constructor(task: Pick<ChainTask, 'id' | 'abortReason' | 'feeWei'>, { refundWei }: { refundWei: bigint }) {
    const reason = task.abortReason ?? 'noAgreement'
    const { what, remedy } = ABORT_EXPLANATIONS[reason]
    super(
      `task ${task.id} was aborted: ${what}; ${formatCnx(refundWei)} of ${formatCnx(task.feeWei)} CNX are back in your balance`,
      {
        remedy,
        details: {
          taskId: task.id,
          reason,
          feeWei: task.feeWei.toString(),
          refundWei: refundWei.toString(),
        },
      },
    )
  }
}

/** Too few nodes became free in time: exit status 10. The fee stays in escrow until the task is resumed or cancelled. */
export class QueueTimeoutError extends CrynuxError {
  override readonly code = 'CRYNUX_QUEUE_TIMEOUT'
  override readonly exitCode = EXIT.timedOut
  constructor(taskId: Hex, key: string) {
    super(`task ${taskId} still waits for three free nodes`, {
      remedy: `Run the same command with --key ${key} to go on waiting, or \`crynux task cancel ${taskId}\` to get the fee back.`,
      details: { taskId, key },
    })
  }
}

/** Earlier transactions of the wallet do not get into a block: exit status 10. */
export class PendingTransactionsError extends CrynuxError {
  override readonly code = 'CRYNUX_PENDING_TRANSACTIONS'
  override readonly exitCode = EXIT.timedOut
  constructor(account: Address) {
    super(`earlier transactions of ${account} have been waiting for a block for two minutes`, {
      remedy: 'Wait until the chain has taken them, then run the same command again; nothing is paid twice.',
      details: { account },
    })
  }
}

/** The task is paid for, and nobody can deliver a result that stands the test: exit status 11. */
export class NotDeliverableError extends CrynuxError {
  override readonly code = 'CRYNUX_NOT_DELIVERABLE'
  override readonly exitCode = EXIT.verificationFailed
  constructor(taskId: Hex, reason: string, cause?: unknown) {
    super(`task ${taskId} has no usable result: ${reason}`, {
      remedy: 'Nothing was written. Submit it again with another --key.',
      details: { taskId },
      cause,
    })
  }
}

/** The wallet holds less CNX than the deposit needs: exit status 4. */
export class InsufficientTokensError extends CrynuxError {
  override readonly code = 'CRYNUX_INSUFFICIENT_TOKENS'
  override readonly exitCode = EXIT.insufficientFunds
  constructor(neededWei: bigint, heldWei: bigint, feeWei: bigint) {
    super(
      `the fee is ${formatCnx(feeWei)} CNX; ${formatCnx(neededWei)} CNX of it must come from the wallet, which holds ${formatCnx(heldWei)}`,
      {
        remedy: 'Send CNX to the wallet, or offer a lower --fee. Nothing was paid.',
        details: { feeWei: feeWei.toString(), neededWei: neededWei.toString(), heldWei: heldWei.toString() },
      },
    )
  }
}

/** A followed task still needs its arguments, which only the submitter has: exit status 2. */
export class ArgumentsNeededError extends CrynuxError {
  override readonly code = 'CRYNUX_ARGUMENTS_NEEDED'
  override readonly exitCode = EXIT.usage
  constructor(taskId: Hex) {
    super(`the nodes of task ${taskId} still wait for its arguments`, {
      remedy: 'Run `crynux task submit` again with the same arguments and the same --key.',
      details: { taskId },
    })
  }
}

/** There is no such task: exit status 2. */
export class UnknownTaskError extends CrynuxError {
  override readonly code = 'CRYNUX_UNKNOWN_TASK'
  override readonly exitCode = EXIT.usage
  constructor(taskId: string) {
    super(`the chain knows no task ${taskId}`, {
      remedy: 'Check the id and the --network; `crynux task list` shows the tasks of this wallet.',
      details: { taskId },
    })
  }
}

/** The task's relay is no longer one of the network's: exit status 6. */
export class RelayGoneError extends CrynuxError {
  override readonly code = 'CRYNUX_RELAY_GONE'
  override readonly exitCode = EXIT.relay
  constructor(relay: Address) {
    super(`relay ${relay} is no longer one of the network's relays`, {
      remedy: "Ask the network's operator; the task ends by its deadlines.",
      details: { relay },
    })
  }
}
