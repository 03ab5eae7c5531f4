import type { Context } from '../../context.js'
import type { TaskProgress } from '../../roles/app/taskProgress.js'
import { showTaskProgress, TASK_STEPS } from './showTaskProgress.js'

/**
 * Runs work on a task while its steps are shown on stderr: redrawn in place on a terminal, as lines elsewhere, not at all with
 * `--json`. When it is interrupted, says how to go on.
 */
export async function withTaskView<T>(
  { output, clock }: Context,
  work: (onProgress: (event: TaskProgress) => void) => Promise<T>,
): Promise<T> {
  const { openStepView } = await import('../../ui/stepView.js')
  const view = await openStepView({ steps: TASK_STEPS, json: output.json, now: clock.now })
  const show = showTaskProgress(view)
  let key: string | undefined
  try {
    return await work((event) => {
      if (event.at === 'prepared') key = event.key
      show(event)
    })
  } catch (error) {
    view.fail(error instanceof Error ? error.message : 'stopped')
    if (key) output.note(`The task can be resumed: run the same command with --key ${key}`)
    throw error
  } finally {
    await view.close()
  }
}
