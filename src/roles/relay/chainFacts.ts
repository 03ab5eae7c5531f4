import type { Address, Hex } from '../../base/hex.js'

/** What the relay needs to know of a task; it believes nobody but the chain. Addresses in any case. */
export type TaskFacts = {
  state: 'queued' | 'started' | 'revealing' | 'awaitingUpload' | 'completed' | 'aborted'
  abortReason: string | null
  kind: 'image' | 'text'
  imageCount: number
  argsHash: Hex
  creator: Address
  /** The receipt signer that the creator chose. */
  relay: Address
  uploader: Address | null
  resultDigest: Hex | null
  redelivery: boolean
  /** Three drawn nodes, or none while queued. */
  slots: { node: Address; committed: boolean; revealed: boolean; score: Hex }[]
}

/** The chain as the relay reads it. */
export type ChainFacts = {
  chainId: number
  consensus: Address
  readTask(taskId: Hex): Promise<TaskFacts | null>
  /** Unix seconds of the latest block; rejects when the chain cannot be read. */
  readChainTime(): Promise<number>
  /** Calls back at each new block until the signal aborts. */
  watchBlocks(options: { signal: AbortSignal; onBlock(): void }): void
  /** Plain data; bigint allowed. */
  readNetworkStatistics(): Promise<object>
  /** Every node that ever joined. */
  readNodesStatistics(): Promise<readonly { address: Address }[]>
}

/** Number of result files of a task: one for each image, one for a text. */
export const resultCount = (task: TaskFacts): number => (task.kind === 'text' ? 1 : task.imageCount)

/** The task cannot change any more, and nobody is to upload anything. */
export const isOver = (task: TaskFacts): boolean =>
  task.state === 'aborted' || (task.state === 'completed' && !task.redelivery)

/** The uploader is expected to bring results now. */
export const isUploadOpen = (task: TaskFacts): boolean => task.state === 'awaitingUpload' || task.redelivery
