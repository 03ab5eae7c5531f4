import { randomBytes } from 'node:crypto'
import { resolve, sep } from 'node:path'
import { keccak256, stringToBytes } from 'viem/utils'
import { InvalidInputError } from '../../base/errors.js'
import type { Address, Hex } from '../../base/hex.js'
import { formatCnx } from '../../base/units.js'
import { readAvailableCount } from '../../chain/read/availableCount.js'
import { readLedgerBalance } from '../../chain/read/ledgerBalance.js'
import { readNode } from '../../chain/read/node.js'
import { readNodes } from '../../chain/read/nodes.js'
import { readParameters } from '../../chain/read/parameters.js'
import { readRelays } from '../../chain/read/relays.js'
import { type ChainTask, readTask } from '../../chain/read/task.js'
import { readTokenBalance } from '../../chain/read/tokenBalance.js'
import type { TaskArguments } from '../../core/task/arguments.js'
import { canonicalBytes } from '../../core/task/canonicalForm.js'
import { argsHashFromDigest, argumentsDigestOf } from '../../protocol/argsHash.js'
import { encryptionKeyFromSecret } from '../../protocol/encryptionKey.js'
import { taskIdOf } from '../../protocol/taskId.js'
import { type RelayClient, RelayRefusedError } from '../../relayClient/client.js'
import { type FollowOptions, followTask } from './followTask.js'
import { type OutTarget, planResultFiles, refuseTakenPaths } from './resultFiles.js'
import { KeyTakenError, NoNodesError, NoRelayError, NotOverError, NotYourTaskError } from './taskErrors.js'
import { openTaskJournal, type TaskJournal, type TaskJournalEntry } from './taskJournal.js'
import { redeliver, type SubmitResult, taskReport } from './taskReport.js'
import { type AppDependencies, createTaskSession, type TaskSubmission } from './taskSession.js'
import { extensionOf, fileCountOf, requirementsOf } from './taskShape.js'

export type SubmitOptions = {
  /** Checked arguments, as `parseTaskArguments` returns them. */
  task: TaskArguments
  /**
   * Names the task for its creator: the same key is the same task, never paid twice. Only its hash leaves this machine.
   * Random when not given; the first progress event tells it.
   */
  key?: string
  feeWei: bigint
  /** How long the nodes may compute, from the draw to the last commitment. */
  executionTimeoutSeconds: number
  /** Images: nodes with less memory are not drawn. Default 0. */
  minVramGb?: number
  /** Text: keccak256 of the GPU model's name; any model with three free nodes by default. */
  gpuModel?: Hex
  /** Address or URL of one of the network's relays; the first by default. */
  relay?: string
  /** Default: a folder that is named after the task, in the current one. */
  out?: OutTarget
  /** How long to wait for three free nodes, in ms. */
  queueTimeoutMs: number
  /** Pay and queue even though the network has fewer than three nodes that could run the task. */
  waitForNodes?: boolean
  /** Return when the nodes have the arguments, without waiting for the result. */
  detach?: boolean
}

const ANY_GPU: Hex = `0x${'0'.repeat(64)}`

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

/** What a task would be, without sending or writing anything. */
export type TaskPlan = {
  taskId: Hex
  key: string
  creator: Address
  feeWei: bigint
  argsHash: Hex
  relay: { address: Address; url: string }
  executionTimeoutSeconds: number
  freeNodes: number
  /** What lies in the ledger, and what a submit would move there out of the wallet. */
  ledgerBalanceWei: bigint
  depositWei: bigint
  walletBalanceWei: bigint
  /** True when the chain already has the task: a submit would resume it. */
  exists: boolean
  /** Who learns what. */
  seenBy: { who: string; what: string }[]
}

/** Computes what `submitTask` would do: fee, hashes, relay, and who will see what. */
export async function planTask(dependencies: AppDependencies, options: SubmitOptions): Promise<TaskPlan> {
  const { chain, wallet } = dependencies
  const prepared = prepareTask(dependencies, options)
  const account = wallet.address
  const [existing, relay, freeNodes, ledgerBalanceWei, walletBalanceWei] = await Promise.all([
    readTask(chain, { taskId: prepared.taskId }),
    chooseRelay(dependencies, options.relay),
    readAvailableCount(chain, requirementsOf(prepared)),
    readLedgerBalance(chain, { account }),
    readTokenBalance(chain, { account }),
  ])
  if (existing && existing.argsHash.toLowerCase() !== prepared.argsHash) {
    throw new KeyTakenError(prepared.key, prepared.taskId)
  }
  return {
    taskId: prepared.taskId,
    key: prepared.key,
    creator: account,
    feeWei: existing?.feeWei ?? options.feeWei,
    ledgerBalanceWei,
    depositWei: existing || ledgerBalanceWei >= options.feeWei ? 0n : options.feeWei - ledgerBalanceWei,
    walletBalanceWei,
    argsHash: prepared.argsHash,
    relay,
    executionTimeoutSeconds: options.executionTimeoutSeconds,
    freeNodes,
    exists: existing !== null,
    seenBy: [
      {
        who: 'the chain, for ever',
        what: 'your address, the fee, the times, a salted hash of the arguments, the scores',
      },
      { who: 'the relay, until the result has arrived', what: 'sealed files that it cannot open' },
      { who: 'the three drawn nodes, until the task ends', what: 'the arguments and the result' },
    ],
  }
}

type PreparedTask = {
  kind: 'image' | 'text'
  imageCount: number
  minVramGb: number
  gpuModel: Hex
  key: string
  taskKey: Hex
  taskId: Hex
  salt: Uint8Array
  canonicalArguments: Uint8Array
  argumentsDigest: Hex
  argsHash: Hex
}

function prepareTask({ wallet }: Pick<AppDependencies, 'wallet'>, { task, ...options }: SubmitOptions): PreparedTask {
  if (options.key === '') {
    throw new InvalidInputError('the key is empty', { remedy: 'Give --key a name, or leave it out for a random one.' })
  }
  const key = options.key ?? randomBytes(16).toString('hex')
  const taskKey = taskKeyOf(key)
  const taskId = taskIdOf({ creator: wallet.address, taskKey })
  const salt = wallet.deriveSecret({ use: 'arguments salt', taskId })
  const canonicalArguments = canonicalBytes(task.arguments)
  const argumentsDigest = argumentsDigestOf({ salt, canonicalArguments })
  const resultRecipient = encryptionKeyFromSecret(wallet.deriveSecret({ use: 'result key', taskId })).publicKey
  const argsHash = argsHashFromDigest({ argumentsDigest, resultRecipient })
  const common = { key, taskKey, taskId, salt, canonicalArguments, argumentsDigest, argsHash }
  return task.kind === 'image'
    ? {
        ...common,
        kind: 'image',
        imageCount: task.arguments.task_config.num_images,
        minVramGb: options.minVramGb ?? 0,
        gpuModel: ANY_GPU,
      }
    : { ...common, kind: 'text', imageCount: 0, minVramGb: 0, gpuModel: options.gpuModel ?? ANY_GPU }
}

/** The chain's name for a user's key. */
export const taskKeyOf = (key: string): Hex => keccak256(stringToBytes(key))

const requestOf = (prepared: PreparedTask, options: SubmitOptions, relay: Address): TaskSubmission['request'] => ({
  taskKey: prepared.taskKey,
  kind: prepared.kind,
  imageCount: prepared.imageCount,
  minVramGb: prepared.minVramGb,
  gpuModel: prepared.gpuModel,
  executionTimeoutSeconds: options.executionTimeoutSeconds,
  relay,
  argsHash: prepared.argsHash,
  feeWei: options.feeWei,
})

const sizeOf = (task: TaskArguments): TaskJournalEntry['size'] =>
  task.kind === 'image'
    ? { width: task.arguments.task_config.image_width, height: task.arguments.task_config.image_height }
    : null

/** Everything that would make the task fail and can be known before it is paid. Returns the relay to name. */
async function readinessBeforePaying(
  dependencies: AppDependencies,
  options: SubmitOptions,
  taskId: Hex,
): Promise<Address> {
  const { chain, openRelay, signal } = dependencies
  const parameters = await readParameters(chain)
  const { minimumExecutionTimeoutSeconds: low, maximumExecutionTimeoutSeconds: high, minimumFeeWei } = parameters
  if (options.executionTimeoutSeconds < low || options.executionTimeoutSeconds > high) {
    throw new InvalidInputError(
      `the timeout is ${options.executionTimeoutSeconds} s; this network takes ${low} to ${high} s`,
      { remedy: `Choose a --timeout between ${low}s and ${high}s.` },
    )
  }
  if (options.feeWei < minimumFeeWei) {
    throw new InvalidInputError(
      `the fee is ${formatCnx(options.feeWei)} CNX; this network takes no less than ${formatCnx(minimumFeeWei)} CNX`,
      { remedy: `Choose a --fee of ${formatCnx(minimumFeeWei)} or more; nodes are paid from it.` },
    )
  }
  const relay = await chooseRelay(dependencies, options.relay)
  await requireRelay(openRelay(relay.url), { taskId, signal })
  if (!options.waitForNodes) await requireThreeNodes(dependencies, options)
  return relay.address
}

/** A relay that lets this wallet sign in and reads this chain answers `not-found` for a task that is not there yet. */
async function requireRelay(
  relay: RelayClient,
  { taskId, signal }: { taskId: Hex; signal: AbortSignal },
): Promise<void> {
  try {
    await relay.listResults(taskId, { signal })
  } catch (error) {
    if (!(error instanceof RelayRefusedError) || error.problem !== 'not-found') throw error
  }
}

async function chooseRelay({ chain }: AppDependencies, wanted: string | undefined) {
  const relays = await readRelays(chain)
  const isWanted = ({ address, url }: { address: string; url: string }) =>
    address.toLowerCase() === wanted?.toLowerCase() || url.replace(/\/$/, '') === wanted?.replace(/\/$/, '')
  const relay = wanted === undefined ? relays[0] : relays.find(isWanted)
  if (relay) return relay
  throw wanted === undefined
    ? new NoRelayError('the network has no relay', { remedy: "Ask the network's operator to register one." })
    : new NoRelayError(`'${wanted}' is none of the network's ${relays.length} relays`, {
        remedy: 'Give --relay the address or URL of one of them, or leave it out.',
      })
}

/** Free nodes are the quick answer; only when they are too few are the busy ones counted, who will be free again. */
async function requireThreeNodes({ chain }: AppDependencies, options: SubmitOptions): Promise<void> {
  const requirements = requirementsOf({
    kind: options.task.kind,
    minVramGb: options.minVramGb ?? 0,
    gpuModel: options.gpuModel ?? ANY_GPU,
  })
  if ((await readAvailableCount(chain, requirements)) >= 3) return
  const listed = (await readNodes(chain)).filter(({ status }) => status === 'available' || status === 'busy')
  const nodes = await Promise.all(listed.map(({ address }) => readNode(chain, { node: address })))
  const groups = new Map<string, number>()
  for (const { vramGb, gpuModel } of nodes) {
    if (!requirements.sameGpu && vramGb < requirements.minVramGb) continue
    if (requirements.sameGpu && requirements.gpuModel !== ANY_GPU && requirements.gpuModel !== gpuModel) continue
    const group = requirements.sameGpu ? gpuModel : ''
    groups.set(group, (groups.get(group) ?? 0) + 1)
  }
  const able = Math.max(0, ...groups.values())
  if (able < 3) throw new NoNodesError(able)
}

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
