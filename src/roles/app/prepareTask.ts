import { randomBytes } from 'node:crypto'
import { keccak256, stringToBytes } from 'viem/utils'
import { InvalidInputError } from '../../base/errors.js'
import type { Address, Hex } from '../../base/hex.js'
import type { TaskArguments } from '../../core/task/arguments.js'
import { canonicalBytes } from '../../core/task/canonicalForm.js'
import { argsHashFromDigest, argumentsDigestOf } from '../../protocol/argsHash.js'
import { encryptionKeyFromSecret } from '../../protocol/encryptionKey.js'
import { taskIdOf } from '../../protocol/taskId.js'
import type { OutTarget } from './resultFiles.js'
import type { TaskJournalEntry } from './taskJournal.js'
import type { AppDependencies, TaskSubmission } from './taskSession.js'

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

export type PreparedTask = {
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

export const ANY_GPU: Hex = `0x${'0'.repeat(64)}`

export function prepareTask(
  { wallet }: Pick<AppDependencies, 'wallet'>,
  { task, ...options }: SubmitOptions,
): PreparedTask {
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

export const requestOf = (
  prepared: PreparedTask,
  options: SubmitOptions,
  relay: Address,
): TaskSubmission['request'] => ({
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

export const sizeOf = (task: TaskArguments): TaskJournalEntry['size'] =>
  task.kind === 'image'
    ? { width: task.arguments.task_config.image_width, height: task.arguments.task_config.image_height }
    : null
