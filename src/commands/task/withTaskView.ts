import { CrynuxError, EXIT } from '../../base/errors.js'
import type { Context } from '../../context.js'
import type { TaskProgress } from '../../roles/app/taskProgress.js'
import { showTaskProgress, TASK_STEPS } from './showTaskProgress.js'

/**
 * Runs work on a task while its steps are shown on stderr: redrawn in place on a terminal, as lines elsewhere, not at all with
 * `--json`. When it is interrupted, says how to go on.
 */
export async function withTaskView<T>(
  { output, clock, signal }: Context,
  work: (onProgress: (event: TaskProgress) => void) => Promise<T>,
): Promise<T> {
  const { openStepView } = await import('../../ui/stepView.js')
  const view = await openStepView({ steps: TASK_STEPS, json: output.json, now: clock.now })
  const show = showTaskProgress(view)
  let key = ''
  let isUnderWay = false
  try {
    return await work((event) => {
      if (event.at === 'prepared') key = event.key
      isUnderWay ||= event.at !== 'prepared' || event.resumed
      show(event)
    })
  } catch (error) {
    // The error itself is shown by the program's entry.
    if (key) view.fail(signal.aborted ? 'stopped' : undefined)
    if (key && (signal.aborted || (isUnderWay && !isFinal(error)))) {
      output.note(`The task can be resumed: run the same command with --key ${key}`)
    }
    throw error
  } finally {
    await view.close()
  }
}

/** Whether running again would only say the same. */
const isFinal = (error: unknown): boolean =>
  error instanceof CrynuxError && [EXIT.usage, EXIT.aborted].some((status) => status === error.exitCode)
