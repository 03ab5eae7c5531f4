import type { Address, Hex } from '../../base/hex.js'
import type { Logger } from '../../base/logger.js'
import { timeoutSignal } from '../../base/timeoutSignal.js'
import type { ChainTask } from '../../chain/read/task.js'
import type { InferenceEngine, InferenceResult } from '../../core/inference/engine.js'
import { InvalidArgumentsError, parseTaskArguments, type TaskArguments } from '../../core/task/arguments.js'
import { shownModelId } from '../../models/modelId.js'
import { argsHashOf } from '../../protocol/argsHash.js'
import { isUsablePublicKey } from '../../protocol/encryptionKey.js'
import { type EnvelopeContent, openArguments, seal } from '../../protocol/envelope.js'
import { OUTCOME, type Outcome } from '../../protocol/outcome.js'
import type { RelayClient } from '../../relayClient/client.js'

/** What a node found out about a task: a result with its sealed files, or why there is none. */
export type Work = { outcome: Outcome; score: Hex; sealedFiles: Uint8Array[] }

export type ExecuteDependencies = {
  engine: InferenceEngine
  /** The relay that the creator chose; rejects when there is none to be found. */
  openRelay: () => Promise<Pick<RelayClient, 'getArguments'>>
  /** The node's age identity. */
  identity: string
  logger: Logger
  /** Chain time, Unix seconds. */
  chainTime: () => Promise<number>
  /** Resolves when something may have changed, at the latest after the poll interval. */
  idle: (signal: AbortSignal) => Promise<void>
}

/**
 * How long after the start a node waits for arguments, in seconds. The application sends them as soon as it
 * sees the start, and bears with a relay that is being restarted for one minute. Whoever never sends them keeps three nodes
 * from the others for so long, for a fifth of a fee that may be next to nothing.
 */
export const LONGEST_WAIT_FOR_ARGUMENTS_SECONDS = 120

/** A node that begins later, because it was restarted, asks at least so long: the relay may just not answer for a moment. */
const SHORTEST_WAIT_FOR_ARGUMENTS_SECONDS = 30

/**
 * Does the work of one task: fetch the arguments, open them, check them against the chain, compute, seal the result to the
 * creator's key. Plaintext exists in memory only.
 *
 * Every failure that is not the arguments' own fault becomes an outcome for which nobody is slashed.
 */
export async function executeTask(
  dependencies: ExecuteDependencies,
  { task, signal, due = commitmentDue(task) }: { task: ChainTask; signal: AbortSignal; due?: WorkDue },
): Promise<Work> {
  const { logger } = dependencies
  const envelope = await fetchArguments(dependencies, { task, signal, due })
  if (!envelope) return nothing(OUTCOME.argumentsUnavailable)

  let parsed: TaskArguments
  try {
    parsed = parseTaskArguments(JSON.parse(new TextDecoder().decode(envelope.canonicalArguments)))
    if (parsed.kind !== task.kind || imageCountOf(parsed) !== task.imageCount) return nothing(OUTCOME.invalidArguments)
    // Nobody could seal a result to such a key; since the hash on chain binds it, every node sees the same one.
    if (!isUsablePublicKey(envelope.resultRecipient)) return nothing(OUTCOME.invalidArguments)
  } catch (error) {
    logger.info({ taskId: task.id, error, step: 'parse' }, 'the arguments are invalid')
    return nothing(OUTCOME.invalidArguments)
  }

  const result = await compute(dependencies, { task, parsed, signal, due })
  if ('outcome' in result) return result
  const sealedFiles: Uint8Array[] = []
  for (const file of result.files) sealedFiles.push(await seal(file.bytes, [envelope.resultRecipient]))
  logger.info(
    { taskId: task.id, model: shownModelId(modelOf(parsed)), count: sealedFiles.length, step: 'sealed' },
    'result ready',
  )
  return { outcome: OUTCOME.result, score: result.score, sealedFiles }
}

async function compute(
  { engine, logger, chainTime }: ExecuteDependencies,
  { task, parsed, signal, due }: { task: ChainTask; parsed: TaskArguments; signal: AbortSignal; due: WorkDue },
): Promise<InferenceResult | Work> {
  try {
    // Saying "I cannot" in time costs nothing; being late costs a penalty.
    const secondsLeft = due.at - reserveSeconds(due) - (await chainTime())
    return await engine.run(parsed, { signal, timeoutMs: Math.max(1, secondsLeft) * 1_000 })
  } catch (error) {
    if (signal.aborted) throw error
    if (error instanceof InvalidArgumentsError) {
      logger.info({ taskId: task.id, error, step: 'compute' }, 'the arguments are invalid')
      return nothing(OUTCOME.invalidArguments)
    }
    // A model that is missing here, memory, a crash: this machine cannot, which is no verdict on the arguments.
    logger.warn({ taskId: task.id, error, step: 'compute' }, 'this node cannot run the task')
    return nothing(OUTCOME.modelUnavailable)
  }
}

/**
 * Waits for arguments that open with our key and match the hash on chain, until it is time to give up.
 *
 * A mismatch counts as "not available", not as "invalid": the relay could hand us an envelope of its own making, and a node
 * must not be slashed for what a relay did. See docs/decisions/0003-wrong-envelope.md.
 */
async function fetchArguments(
  { openRelay, identity, logger, chainTime, idle }: ExecuteDependencies,
  { task, signal, due }: { task: ChainTask; signal: AbortSignal; due: WorkDue },
): Promise<EnvelopeContent | null> {
  const giveUpAt = argumentsGiveUpTime(task, due, await chainTime())
  let relay: Awaited<ReturnType<typeof openRelay>> | undefined
  for (;;) {
    signal.throwIfAborted()
    try {
      relay ??= await openRelay()
      const secondsLeft = Math.max(1, giveUpAt - (await chainTime()))
      // A relay that accepts the call and never answers must not make this node late.
      const sealed = await relay.getArguments(task.id, {
        signal: AbortSignal.any([signal, timeoutSignal(secondsLeft * 1_000)]),
      })
      if (sealed) {
        const content = await openArguments(sealed, identity)
        if (argsHashOf(content).toLowerCase() === task.argsHash.toLowerCase()) return content
        logger.warn({ taskId: task.id, step: 'arguments' }, 'the arguments are not those on chain')
      }
    } catch (error) {
      if (signal.aborted) throw error
      logger.warn({ taskId: task.id, error, step: 'arguments' }, 'the arguments cannot be had yet')
    }
    if ((await chainTime()) >= giveUpAt) return null
    await idle(signal)
  }
}

/**
 * When a node that asks since `now` reports the arguments as unavailable: two minutes after the start, at the latest while a
 * fifth of the time is left.
 */
function argumentsGiveUpTime(task: ChainTask, due: WorkDue, now: number): number {
  const latest = due.at - Math.max(2, Math.floor(due.spanSeconds / 5))
  // Who has lost its journal after the commitment keeps nobody waiting.
  if (due.recovers) return latest
  const startedAt = task.commitDeadline - task.executionTimeoutSeconds
  const patience = Math.max(startedAt + LONGEST_WAIT_FOR_ARGUMENTS_SECONDS, now + SHORTEST_WAIT_FOR_ARGUMENTS_SECONDS)
  return Math.min(latest, patience)
}

/** When the work must be done, in chain time, and how long the time is that ends then. */
export type WorkDue = { at: number; spanSeconds: number; recovers: boolean }

/**
 * The work is done for the commitment; by a node that has lost its journal after the commitment, for the reveal. The first reveal may come
 * any time after the commit deadline, so that the state alone does not tell how long there is.
 */
export function workDue(task: ChainTask, me: Address, revealWindowSeconds: number): WorkDue {
  const committed = task.slots.some(({ node, committed }) => committed && node.toLowerCase() === me.toLowerCase())
  if (task.state === 'started' && !committed) return commitmentDue(task)
  const at = task.state === 'revealing' ? task.revealDeadline : task.commitDeadline + revealWindowSeconds
  return { at, spanSeconds: revealWindowSeconds, recovers: true }
}

const commitmentDue = (task: ChainTask): WorkDue => ({
  at: task.commitDeadline,
  spanSeconds: task.executionTimeoutSeconds,
  recovers: false,
})

/** Kept free before the deadline, for the transaction. */
const reserveSeconds = ({ spanSeconds }: WorkDue): number => Math.min(60, Math.max(2, Math.floor(spanSeconds / 10)))

const nothing = (outcome: Outcome): Work => ({ outcome, score: '0x', sealedFiles: [] })

const imageCountOf = (parsed: TaskArguments): number =>
  parsed.kind === 'image' ? parsed.arguments.task_config.num_images : 0

const modelOf = (parsed: TaskArguments): string => {
  if (parsed.kind === 'text') return parsed.arguments.model
  const model = parsed.arguments.base_model
  return typeof model === 'string' ? model : model.name
}
