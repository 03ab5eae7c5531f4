import type { ReadContractReturnType } from 'viem'
import type { Address, Hex } from '../../base/hex.js'
import type { Outcome } from '../../protocol/outcome.js'
import { taskConsensusAbi } from '../abi.generated.js'
import { call } from '../call.js'
import type { ChainReader } from '../client.js'
import { readArgsHash, readResultDigest } from './taskLogs.js'

export type TaskState = 'queued' | 'started' | 'revealing' | 'awaitingUpload' | 'completed' | 'aborted'
export type TaskKind = 'image' | 'text'
export type AbortReason =
  | 'cancelled'
  | 'notEnoughReveals'
  | 'noAgreement'
  | 'invalidArguments'
  | 'argumentsUnavailable'
  | 'modelUnavailable'
  | 'notUploaded'

/** One drawn node's part in a task. */
export type TaskSlot = {
  node: Address
  committed: boolean
  revealed: boolean
  outcome: Outcome
  /** 32 zero bytes when there is none (any more). */
  commitment: Hex
  /** `0x` until revealed. */
  score: Hex
}

/** Everything that the chain knows about one task. Times in Unix seconds, 0 until they are known. */
export type ChainTask = {
  id: Hex
  state: TaskState
  abortReason: AbortReason | null
  kind: TaskKind
  /** 0 for text. */
  imageCount: number
  creator: Address
  relay: Address
  argsHash: Hex
  gpuModel: Hex
  minVramGb: number
  executionTimeoutSeconds: number
  feeWei: bigint
  drawBlock: number
  commitDeadline: number
  revealDeadline: number
  uploadDeadline: number
  /** Who is to upload now, or who did; null before the verdict. */
  uploader: Address | null
  /** null until reported, and while a faulty upload is being replaced. */
  resultDigest: Hex | null
  /** Completed, but the upload was proven faulty and `uploader` is to replace it. */
  redelivery: boolean
  /** In the order of the draw: none while queued, else three. */
  slots: TaskSlot[]
}

/** In the order of the contract's enum; None is null. */
const STATES = [null, 'queued', 'started', 'revealing', 'awaitingUpload', 'completed', 'aborted'] as const
export const ABORT_REASONS = [
  null,
  'cancelled',
  'notEnoughReveals',
  'noAgreement',
  'invalidArguments',
  'argumentsUnavailable',
  'modelUnavailable',
  'notUploaded',
] as const
export const TASK_KINDS = ['image', 'text'] as const

/** Reads one task; null when there is none of that id. */
export async function readTask(chain: ChainReader, { taskId }: { taskId: Hex }): Promise<ChainTask | null> {
  const view = await call(
    chain.client.readContract({
      address: chain.profile.contracts.consensus,
      abi: taskConsensusAbi,
      functionName: 'task',
      args: [taskId],
    }),
  )
  const createdBlock = Number(view.createdBlock)
  if (createdBlock === 0) return null
  const reported = STATES[view.state] === 'completed' && !view.redelivery
  const [argsHash, resultDigest] = await Promise.all([
    readArgsHash(chain, { taskId, createdBlock }),
    reported ? readResultDigest(chain, { taskId, createdBlock, uploader: view.uploader }) : null,
  ])
  return chainTaskFrom(taskId, view, { argsHash, resultDigest })
}

/** Which of the drawn three a node is, 0…2; -1 for none. */
export const slotOf = (task: ChainTask, node: Address): number =>
  task.slots.findIndex((slot) => slot.node.toLowerCase() === node.toLowerCase())

type TaskView = ReadContractReturnType<typeof taskConsensusAbi, 'task'>

function chainTaskFrom(
  id: Hex,
  view: TaskView,
  { argsHash, resultDigest }: Pick<ChainTask, 'argsHash' | 'resultDigest'>,
): ChainTask | null {
  const state = STATES[view.state]
  const kind = TASK_KINDS[view.kind]
  if (!state || !kind) return null
  return {
    id,
    state,
    abortReason: ABORT_REASONS[view.abortReason] ?? null,
    kind,
    imageCount: view.imageCount,
    creator: view.creator,
    relay: view.relay,
    argsHash,
    gpuModel: view.gpuModel,
    minVramGb: view.minVramGb,
    executionTimeoutSeconds: view.executionTimeoutSeconds,
    feeWei: view.feeWei,
    drawBlock: Number(view.drawBlock),
    commitDeadline: Number(view.commitDeadline),
    revealDeadline: Number(view.revealDeadline),
    uploadDeadline: Number(view.uploadDeadline),
    uploader: isZero(view.uploader) ? null : view.uploader,
    resultDigest,
    redelivery: view.redelivery,
    slots: view.slots
      .filter((slot) => !isZero(slot.node))
      .map((slot) => ({
        node: slot.node,
        committed: slot.committed,
        revealed: slot.revealed,
        outcome: slot.outcome as Outcome,
        commitment: slot.commitment,
        score: slot.score,
      })),
  }
}

const isZero = (hex: Hex): boolean => /^0x0*$/.test(hex)
