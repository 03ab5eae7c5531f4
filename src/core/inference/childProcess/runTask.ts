import { perceptualHash } from '../../phash/perceptualHash.js'
import type { ImageTaskArguments } from '../../task/arguments.js'
import { imageScore } from '../../task/score.js'
import type { LoraSessions } from '../adapters/lora/loraSessions.js'
import { encodePng } from '../encodePng.js'
import { NotSupportedYetError } from '../notSupportedYet.js'
import type { ImagePipelineHooks } from '../pipelines/imagePipeline.js'
import { requireSupported } from '../pipelines/requireSupported.js'
import { loadStableDiffusion } from '../pipelines/stableDiffusion.js'
import { withVariants } from '../pipelines/withVariants.js'
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
  { task, models, cacheFolder }: Omit<RunRequest, 'id'>,
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
  const lora = await openLora(task.arguments, { models, sessions, cacheFolder })
  const adapted = await withTextualInversion(lora ?? sessions, { models, cacheFolder })
  const pipeline = await loadStableDiffusion(models, withVariants(adapted, task.arguments, models))
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
      processor: process.arch,
      ...pipeline.environment,
      ...lora?.environment(),
    },
  }
}

/** The task's LoRA between pipeline and networks; read only when there is one. */
async function openLora(
  { lora }: ImageTaskArguments,
  {
    models,
    sessions,
    cacheFolder,
  }: Pick<RunRequest, 'models'> & Pick<RunTaskDependencies, 'sessions'> & { cacheFolder: string | undefined },
): Promise<LoraSessions | undefined> {
  if (!lora || !models.lora) return undefined
  if (cacheFolder === undefined) throw new NotSupportedYetError('lora', 'a LoRA without a folder for merged models')
  const { createLoraSessions } = await import('../adapters/lora/loraSessions.js')
  return createLoraSessions(sessions, { lora, models: { ...models, lora: models.lora }, cacheFolder })
}

/** The task's textual inversion between pipeline and text encoder; read only when there is one. */
async function withTextualInversion(
  sessions: SessionStore,
  { models, cacheFolder }: Pick<RunRequest, 'models'> & { cacheFolder: string | undefined },
): Promise<SessionStore> {
  const { textualInversion } = models
  if (!textualInversion) return sessions
  if (cacheFolder === undefined) {
    throw new NotSupportedYetError('textual_inversion', 'a textual inversion without a folder for extended models')
  }
  const { createTextualInversionSessions } = await import('../adapters/textualInversion/textualInversionSessions.js')
  return createTextualInversionSessions(sessions, { models: { ...models, textualInversion }, cacheFolder })
}
