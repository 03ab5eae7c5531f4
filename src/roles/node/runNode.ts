import { join } from 'node:path'
import type { Clock } from '../../base/clock.js'
import type { Address, Hex } from '../../base/hex.js'
import type { Logger } from '../../base/logger.js'
import type { ChainWriter } from '../../chain/client.js'
import { readAssignments } from '../../chain/read/assignments.js'
import { readChainTime } from '../../chain/read/chainTime.js'
import { readParameters } from '../../chain/read/parameters.js'
import { type ChainTask, readTask } from '../../chain/read/task.js'
import { watchBlocks } from '../../chain/watch.js'
import type { InferenceEngine } from '../../core/inference/engine.js'
import { encryptionKeyFromSecret } from '../../protocol/encryptionKey.js'
import type { NetworkParameters } from '../../protocol/networkParameters.js'
import { OUTCOME } from '../../protocol/outcome.js'
import type { Wallet } from '../../protocol/wallet.js'
import type { RelayClient } from '../../relayClient/client.js'
import { createJournal } from '../../store/journal.js'
import { createBackgroundJobs } from './backgroundJobs.js'
import { faultyBehaviour, honestBehaviour } from './behaviour.js'
import { ensureMember } from './ensureMember.js'
import { executeTask, type Work, type WorkDue, workDue } from './executeTask.js'
import { assertFaultAllowed, type Fault } from './faults.js'
import { createMembershipWatch } from './membershipWatch.js'
import { type NodeAction, nextAction } from './nextAction.js'
import { RemovedError } from './nodeErrors.js'
import { type ActionDependencies, advance, commit, relayOf, reveal, upload } from './performAction.js'
import { createQueueStarter } from './queueStarter.js'
import { createRelayListeners } from './relayListeners.js'
import { createTaskFolders } from './taskFolder.js'
import type { TaskRecord } from './taskRecord.js'
import { createWakeUp } from './wakeUp.js'

export type NodeDependencies = {
  chain: ChainWriter
  wallet: Wallet
  engine: InferenceEngine
  /** Journal and sealed results lie here; one folder for one wallet. */
  dataFolder: string
  clock: Clock
  logger: Logger
  openRelay(url: string): RelayClient
  /** Called once when the node is a member and listens. */
  onReady?(node: Address): void
}

export type NodeOptions = {
  /** Aborts to drain: no new task is taken, the present one is finished. */
  signal: AbortSignal
  stakeWei?: bigint | undefined
  gpuModel: Hex
  vramGb: number
  /** True when the two are worth telling the chain again; see `ensureMember`. */
  hardwareIsKnown?: boolean
  beneficiary?: Address | undefined
  /** Ends after one finished task. */
  once?: boolean
  /** Start others' queued tasks that nobody starts; it costs gas. */
  startQueuedTasks?: boolean
  fault?: Fault | undefined
  /** How long a drain may take; 0 leaves at once and without a transaction. */
  drainTimeoutMs: number
}

/** How long the loop sleeps when nothing wakes it. */
const IDLE_MS = 2_000

/**
 * Serves tasks until the signal aborts, then leaves cleanly.
 *
 * The loop is level-triggered: each round reads the present state of every task that concerns the node and takes the one next
 * step of each; blocks and relay events only wake it. A failed step is reported and tried again in a later round: one bad task
 * must not stop the node, because a stopped node is penalised for every task that follows.
 *
 * @throws RemovedError (exit 9) when the node was slashed or removed.
 */
export async function runNode(dependencies: NodeDependencies, options: NodeOptions): Promise<void> {
  const { chain, wallet, engine, dataFolder, clock, logger, openRelay } = dependencies
  const { signal: drain, fault } = options
  assertFaultAllowed(fault, chain.profile.chainId)
  const me = wallet.address
  const key = encryptionKeyFromSecret(wallet.deriveSecret({ use: 'node encryption key' }))
  const behaviour = fault ? faultyBehaviour(fault, chain) : honestBehaviour
  const journal = await createJournal<TaskRecord>({ path: join(dataFolder, 'tasks.journal') })
  const progress = await createJournal<{ block: number }>({ path: join(dataFolder, 'progress.journal') })
  const folders = createTaskFolders({ dataFolder })
  const actions: ActionDependencies = { chain, wallet, journal, folders, behaviour, openRelay, logger }

  /** Ends everything that still runs when the loop ends. */
  const ending = new AbortController()
  const wakeUp = createWakeUp()
  drain.addEventListener('abort', () => wakeUp.notify(), { once: true, signal: ending.signal })
  const jobs = (step: string) =>
    createBackgroundJobs<Hex>({
      onFailure: async (taskId, error) => {
        if (ending.signal.aborted) return
        logger.warn({ taskId, error, step }, 'step failed; will be tried again')
        await clock.sleep(IDLE_MS, ending.signal).catch(() => undefined)
      },
      onEnd: wakeUp.notify,
    })
  const executing = jobs('execute')
  // A relay that hangs must not make the node late for another task.
  const delivering = jobs('upload')
  const listeners = createRelayListeners({
    openRelay: (task) => relayOf(actions, task),
    logger,
    signal: ending.signal,
    onEvent: wakeUp.notify,
    onEnd: (taskId) => void acknowledge(taskId).catch(() => undefined),
  })
  const membership = createMembershipWatch({ chain, logger })
  const startsQueued = { next: 0, jobs: queueJobs(), starter: createQueueStarter({ chain: endingChain(), logger }) }
  let block = 0
  let finished = 0

  try {
    await folders.removeAllBut(new Set(journal.entries().map(([taskId]) => taskId.toLowerCase())))
    const parameters = await readParameters(chain)
    const { number } = await chain.client.getBlock()
    block = Number(number)
    const { status } = await ensureMember({ chain, logger }, { ...options, encryptionKey: key.publicKey })
    // What happened before this node first ran cannot concern it; but one that holds a task has lost its journal.
    const holdsTask = status !== 'available'
    if (!progress.get('scanned')) {
      await progress.set('scanned', { block: holdsTask ? chain.profile.deployedAtBlock : block })
    }
    dependencies.onReady?.(me)
    watchBlocks(chain, {
      signal: ending.signal,
      onBlock: (latest) => {
        block = latest.number
        wakeUp.notify()
      },
    })

    let drainDeadline = Number.POSITIVE_INFINITY
    for (;;) {
      const draining = drain.aborted
      if (draining && drainDeadline === Number.POSITIVE_INFINITY) {
        drainDeadline = clock.now() + options.drainTimeoutMs
        if (options.drainTimeoutMs > 0) await membership.leaveDraw()
      }
      try {
        await discoverAssignments()
        const busy = await takeSteps(parameters)
        if (options.startQueuedTasks && !busy && !draining && !options.once) lookAtQueue()
        if (!(await membership.check({ mayResume: !draining && !options.once }))) return
        if (options.once && finished > 0 && !busy) return
        if (draining && (!busy || clock.now() >= drainDeadline)) return
      } catch (error) {
        if (error instanceof RemovedError) {
          // Without a stake there is nothing to deliver any more.
          for (const [taskId] of journal.entries()) await journal.delete(taskId)
          await folders.removeAllBut(new Set())
          throw error
        }
        // A node that holds nothing need not wait for a chain that is away.
        if (draining && (clock.now() >= drainDeadline || journal.entries().length === 0)) return
        logger.warn({ node: me, error, step: 'round' }, 'round failed; will be tried again')
      }
      await wakeUp.wait(IDLE_MS, ending.signal)
    }
  } finally {
    ending.abort()
    await Promise.all([executing.settled(), delivering.settled(), startsQueued.jobs.settled()])
    await journal.close()
    await progress.close()
  }

  /** Beside the loop, once for each block at most: the node's own duties come first, whatever becomes of it. */
  function lookAtQueue(): void {
    if (block < startsQueued.next) return
    startsQueued.next = block + 1
    startsQueued.jobs.start('queue', () => startsQueued.starter.look(block))
  }

  function queueJobs() {
    return createBackgroundJobs<'queue'>({
      onFailure: async (_key, error) => {
        if (ending.signal.aborted) return
        logger.debug({ node: me, error, step: 'start' }, 'the queue cannot be looked at now')
        await clock.sleep(IDLE_MS, ending.signal).catch(() => undefined)
      },
      onEnd: () => undefined,
    })
  }

  /** A node that stops does not wait for a transaction that concerns nobody's stake. */
  function endingChain(): ChainWriter {
    return { ...chain, signal: chain.signal ? AbortSignal.any([chain.signal, ending.signal]) : ending.signal }
  }

  /** Adds the tasks for which the node was drawn since the last round. */
  async function discoverAssignments(): Promise<void> {
    const upTo = block
    const scanned = progress.get('scanned')?.block ?? upTo
    // A few blocks are read twice, so that a draw that a reorganisation moved is not missed.
    for (const taskId of await readAssignments(chain, { node: me, fromBlock: Math.max(0, scanned - 12) })) {
      if (journal.get(taskId)) continue
      const task = await readTask(chain, { taskId })
      if (!task || task.state === 'aborted' || task.state === 'completed') continue
      logger.info({ taskId, step: 'drawn' }, 'drawn for a task')
      await journal.set(taskId, {})
    }
    if (upTo > scanned) await progress.set('scanned', { block: upTo })
  }

  /** One step for every task; tells whether the node still owes anything to any of them. */
  async function takeSteps({ revealWindowSeconds, uploadWindowSeconds }: NetworkParameters): Promise<boolean> {
    const chainTime = await readChainTime(chain)
    let busy = false
    for (const [taskId, record] of journal.entries()) {
      const id = taskId as Hex
      const task = await readTask(chain, { taskId: id })
      if (task?.state === 'completed' && record.completedAt === undefined) {
        await journal.set(id, { ...record, completedAt: chainTime })
      }
      const action = nextAction({
        task,
        me,
        record,
        chainTime,
        executing: executing.has(id),
        revealWindowSeconds,
        disputeWindowSeconds: uploadWindowSeconds,
      })
      if (task && task.state !== 'aborted' && behaviour.works) listeners.follow(task)
      busy ||= owes(task, record)
      try {
        await perform(action, id, task, record, revealWindowSeconds)
      } catch (error) {
        logger.warn({ taskId: id, error, step: action.do }, 'step failed; will be tried again')
      }
    }
    return busy
  }

  async function perform(
    action: NodeAction,
    taskId: Hex,
    task: ChainTask | null,
    record: TaskRecord,
    revealWindowSeconds: number,
  ): Promise<void> {
    if (action.do === 'forget') return forget(taskId, task)
    if (!task || action.do === 'wait') return
    const step = { task, record, signal: ending.signal }
    switch (action.do) {
      case 'execute':
        return executing.start(taskId, () => execute(task, workDue(task, me, revealWindowSeconds)))
      case 'commit':
        return commit(actions, step)
      case 'reveal':
        return reveal(actions, step)
      case 'upload':
        return delivering.start(taskId, () => upload(actions, step))
      case 'advance':
        return advance(actions, step)
    }
  }

  /** Works in the background, so that the node's other duties go on. */
  async function execute(task: ChainTask, due: WorkDue): Promise<void> {
    let work = behaviour.work(behaviour.works ? await honestWork(task, due) : NO_WORK)
    try {
      await folders.write(task.id, work.sealedFiles)
    } catch (error) {
      // What cannot be kept cannot be delivered: better say so in time than promise it.
      logger.error({ taskId: task.id, error, step: 'keep' }, 'the result cannot be written; is the disk full?')
      work = { outcome: OUTCOME.modelUnavailable, score: '0x', sealedFiles: [] }
    }
    await journal.set(task.id, {
      ...journal.get(task.id),
      work: { outcome: work.outcome, score: work.score, sealedFiles: work.sealedFiles.length },
    })
  }

  async function honestWork(task: ChainTask, due: WorkDue): Promise<Work> {
    const startedAt = clock.now()
    const work = await executeTask(
      {
        engine,
        openRelay: () => relayOf(actions, task),
        identity: key.identity,
        logger,
        chainTime: () => readChainTime(chain),
        idle: (signal) => wakeUp.wait(IDLE_MS, signal),
      },
      { task, signal: ending.signal, due },
    )
    logger.info(
      { taskId: task.id, outcome: work.outcome, durationMs: clock.now() - startedAt, step: 'work' },
      'work done',
    )
    return work
  }

  async function acknowledge(taskId: Hex): Promise<void> {
    const record = journal.get(taskId)
    if (record) await journal.set(taskId, { ...record, acknowledged: true })
    wakeUp.notify()
  }

  async function forget(taskId: Hex, task: ChainTask | null): Promise<void> {
    listeners.stop(taskId)
    await folders.remove(taskId)
    await journal.delete(taskId)
    if (task) membership.taskEnded(task)
    finished++
    logger.info({ taskId, state: task?.state ?? 'gone', step: 'forget' }, 'task over; its files are deleted')
  }
}

/** What a faulty node has instead of work. */
const NO_WORK: Work = { outcome: 0, score: '0x', sealedFiles: [] }

/** True while stopping now would cost the node: it holds the task, or is the one to deliver. */
function owes(task: ChainTask | null, record: TaskRecord): boolean {
  if (!task) return false
  if (task.state === 'started' || task.state === 'revealing' || task.state === 'awaitingUpload') return true
  return task.state === 'completed' && task.redelivery && record.work !== undefined
}
