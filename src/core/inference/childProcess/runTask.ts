import { perceptualHash } from '../../phash/perceptualHash.js'
import { imageScore } from '../../task/score.js'
import { encodePng } from '../encodePng.js'
import type { ImagePipelineHooks } from '../pipelines/imagePipeline.js'
import { requireSupported } from '../pipelines/requireSupported.js'
import { loadStableDiffusion } from '../pipelines/stableDiffusion.js'
import type { OnnxRuntime, SessionStore } from '../session.js'
import type { InferenceProgress, InferenceResult, RunRequest } from './messages.js'
import { watchOpened } from './watchOpened.js'

export type RunTaskDependencies = {
  ort: OnnxRuntime
  sessions: SessionStore
  /** A monotonic clock in milliseconds. */
  now(): number
  onProgress(progress: InferenceProgress): void
  onTensor?: ImagePipelineHooks['onTensor']
}

/**
 * Runs one task in this process. Pictures: their p-hashes from the raw pixels, and PNG files of the same pixels; text: see
 * {@link import('./runTextTask.js').runTextTask}.
 *
 * @throws ModelFileError, NotSupportedYetError, InvalidArgumentsError
 */
export async function runTask(
  { task, models }: Omit<RunRequest, 'id'>,
  dependencies: RunTaskDependencies,
): Promise<InferenceResult> {
  const { ort, now, onProgress, onTensor } = dependencies
  if (task.kind === 'text') {
    // Loaded when the first such task comes: pictures need neither templates nor samplers.
    const { runTextTask } = await import('./runTextTask.js')
    return runTextTask({ task: task.arguments, models }, dependencies)
  }
  requireSupported(task.arguments)
  const { sessions, facts } = watchOpened(dependencies.sessions)

  const start = now()
  let last = start
  const timings: Record<string, number> = {}
  const onStageEnd = (stage: string) => {
    const time = now()
    timings[stage] = (timings[stage] ?? 0) + time - last
    last = time
  }
  onProgress({ stage: 'load', image: 0, step: 0, steps: 1 })
  const pipeline = await loadStableDiffusion(models, sessions)
  onStageEnd('load')
  const pictures = await pipeline.run(task.arguments, { onProgress, onStageEnd, ...(onTensor ? { onTensor } : {}) })
  const score = imageScore(pictures.map(perceptualHash))
  onStageEnd('hash')
  const files = await Promise.all(
    pictures.map(async (picture, index) => ({
      name: `${index}.png`,
      bytes: await encodePng(picture),
      mediaType: 'image/png',
    })),
  )
  onStageEnd('png')
  timings.total = now() - start
  return {
    files,
    score,
    ...(pictures.some(({ nsfw }) => nsfw !== undefined) ? { nsfw: pictures.map(({ nsfw = false }) => nsfw) } : {}),
    timings: Object.fromEntries(Object.entries(timings).map(([name, ms]) => [name, Math.round(ms * 10) / 10])),
    environment: {
      engine: 'onnxruntime-node',
      engineVersion: ort.env.versions.node ?? ort.env.versions.common ?? 'unknown',
      ...facts(),
      batchLayout: 'negative, positive',
      dtype: 'float32',
      processor: process.arch,
      ...pipeline.environment,
    },
  }
}
