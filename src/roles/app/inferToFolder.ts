import type { Hex } from '../../base/hex.js'
import type { InferenceEngine, InferenceProgress, TextResponse } from '../../core/inference/engine.js'
import type { TaskArguments } from '../../core/task/arguments.js'
import { planResultFiles, writeResultFiles } from './resultFiles.js'

export type InferToFolderDependencies = {
  engine: InferenceEngine
  signal: AbortSignal
  onProgress(progress: InferenceProgress): void
  /** Is given each PNG file, in order, once all are written. */
  onPicture?(png: Uint8Array): void
}

/** What `crynux infer --json` prints. */
export type InferenceReport = {
  files: { path: string; sha256: string }[]
  score: Hex
  /** For each picture whether the model's safety checker blacked it out; absent where there was none. */
  nsfw?: boolean[]
  /** Milliseconds per stage. */
  timings: Record<string, number>
  /** What the bits of the result depend on besides model and arguments: device, threads, optimisation level, versions. */
  environment: Record<string, string | number>
  /** Text tasks: what the file says. */
  response?: TextResponse
}

/**
 * Runs one task on this machine, without a network, and writes its files atomically.
 *
 * Files of an earlier run are replaced: unlike a paid result, they can be made again.
 *
 * @throws OutTargetError before any work when the folder cannot be made, and the engine's errors.
 */
export async function inferToFolder(
  { engine, signal, onProgress, onPicture }: InferToFolderDependencies,
  { task, folder }: { task: TaskArguments; folder: string },
): Promise<InferenceReport> {
  const image = task.kind === 'image'
  const { paths, named } = await planResultFiles({
    out: { path: folder, force: true },
    count: image ? task.arguments.task_config.num_images : 1,
    extension: image ? 'png' : 'json',
  })
  const { files, score, nsfw, timings, environment } = await engine.run(task, { signal, onProgress })
  const written = await writeResultFiles({ files: files.map(({ bytes }) => bytes), paths, named, force: true })
  if (image && onPicture) for (const { bytes } of files) onPicture(bytes)
  const text = image ? undefined : files[0]?.bytes
  const response = text && { response: JSON.parse(new TextDecoder().decode(text)) as TextResponse }
  return { files: written, score, ...(nsfw ? { nsfw } : {}), timings, environment, ...response }
}
