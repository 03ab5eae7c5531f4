import type { TextTaskArguments } from '../../task/arguments.js'
import { canonicalBytes } from '../../task/canonicalForm.js'
import { textScore } from '../../task/score.js'
import type { ModelFolders } from '../modelFile.js'
import { loadTextPipeline } from '../text/textPipeline.js'
import type { InferenceResult } from './messages.js'
import type { RunTaskDependencies } from './runTask.js'
import { watchOpened } from './watchOpened.js'

/**
 * Runs one text task in this process: the answer as a JSON file in canonical form, and its SHA-256.
 *
 * @throws ModelFileError, ModelInputError, NotSupportedYetError, InvalidArgumentsError
 */
export async function runTextTask(
  { task, models }: { task: TextTaskArguments; models: ModelFolders },
  { ort, now, onProgress, ...dependencies }: RunTaskDependencies,
): Promise<InferenceResult> {
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
  const pipeline = await loadTextPipeline(models.base, sessions, task)
  onStageEnd('load')
  const response = await pipeline.run(task, { onProgress, onStageEnd })
  const bytes = canonicalBytes(response)
  const score = textScore(bytes)
  onStageEnd('finish')
  timings.total = now() - start
  return {
    files: [{ name: '0.json', bytes, mediaType: 'application/json' }],
    score,
    timings: Object.fromEntries(Object.entries(timings).map(([name, ms]) => [name, Math.round(ms * 10) / 10])),
    environment: {
      engine: 'onnxruntime-node',
      engineVersion: ort.env.versions.node ?? ort.env.versions.common ?? 'unknown',
      ...facts(),
      processor: process.arch,
      ...pipeline.environment,
    },
  }
}
