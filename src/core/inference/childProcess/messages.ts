import type { Hex } from '../../../base/hex.js'
import type { Device } from '../../devices/device.js'
import type { TaskArguments } from '../../task/arguments.js'
import type { ModelFolders } from '../modelFile.js'
import type { ImageProgress } from '../pipelines/imagePipeline.js'
import type { TextProgress } from '../text/textPipeline.js'

/** What a run works with: checked arguments, and the folder of every model that they name. */
export type RunRequest = {
  id: number
  task: TaskArguments
  models: ModelFolders
  /** Where merged models are kept; without it a task with a LoRA cannot be run. */
  cacheFolder?: string
}

/** How far a run is. `image` counts from 0, `step` from 0 to `steps`; text comes in pieces. */
export type InferenceProgress = ImageProgress | TextProgress

/** What a run gives. */
export type InferenceResult = {
  /** `0.png`, `1.png`, … or `0.json` */
  files: { name: string; bytes: Uint8Array; mediaType: string }[]
  /** For images the 8-byte p-hashes of all pictures, concatenated; for text the SHA-256 of the file. */
  score: Hex
  /** For each picture whether the safety checker blacked it out; absent where none was asked for or the model has none. */
  nsfw?: boolean[]
  /**
   * Milliseconds per stage: load, encode, denoise, refine, decode, check, hash, png, total; text: load, encode, prefill, generate,
   * finish, total.
   */
  timings: Record<string, number>
  /** What the bits of the result depend on besides model and arguments. */
  environment: Record<string, string | number>
}

/** An error that crosses the process boundary. */
export type ErrorReport = {
  code: string
  exitCode: number
  message: string
  remedy: string
  details: Record<string, string | number | boolean | null>
}

/** What a child is told when it starts, as JSON in its only argument: one child, one device. */
export type ChildSettings = {
  device: Device
  /** 1 everywhere; 2 gives the same bits, which is what it can be set for. */
  intraOpThreads: 1 | 2
}

/** `probe` asks whether the device computes at all. */
export type ToChild = { type: 'run'; request: RunRequest } | { type: 'probe' }
export type FromChild =
  | { type: 'probed'; error?: string }
  | { type: 'progress'; id: number; progress: InferenceProgress }
  | { type: 'result'; id: number; result: InferenceResult }
  | { type: 'error'; id: number; error: ErrorReport }
