import { InvalidInputError } from '../../../base/errors.js'
import { type ImageTaskArguments, InvalidArgumentsError } from '../../task/arguments.js'
import { ModelInputError } from '../modelInputError.js'
import { createScheduler } from '../schedulers/createScheduler.js'
import type { Scheduler } from '../schedulers/scheduler.js'

/**
 * The scheduler that a task asks for, on the noise of its model.
 *
 * Only what fails on any model's noise is the arguments' fault: a node whose copy of the configuration is another one must not vote
 * against arguments that the others can work with.
 *
 * @param modelConfig the contents of the base model's `scheduler_config.json`
 * @throws InvalidArgumentsError naming the field and its value; ModelInputError where it is the model's configuration that does not allow it
 */
export function createTaskScheduler(
  { scheduler: { method, args }, task_config: { steps } }: Pick<ImageTaskArguments, 'scheduler' | 'task_config'>,
  modelConfig: Record<string, unknown>,
): Scheduler {
  try {
    return createScheduler(method, modelConfig, args, steps)
  } catch (cause) {
    if (!(cause instanceof InvalidInputError)) throw cause
    const { message, remedy, details } = cause
    const field = fieldOf(details?.argument, args)
    if (worksAlone(method, args, steps))
      throw new ModelInputError(field, `does not go with the model: ${message}`, remedy, cause)
    throw new InvalidArgumentsError(`field ${field}: ${message}`, { remedy, details: { ...details, field }, cause })
  }
}

/** Whether the task's scheduler works on its own defaults. */
function worksAlone(method: string, args: Record<string, unknown>, steps: number): boolean {
  try {
    createScheduler(method, {}, args, steps)
    return true
  } catch {
    return false
  }
}

/** A setting that the task did not name comes from the model or a default; then it is their combination that fails. */
function fieldOf(argument: unknown, args: object): string {
  if (argument === 'steps') return 'task_config.steps'
  return typeof argument === 'string' && Object.hasOwn(args, argument) ? `scheduler.args.${argument}` : 'scheduler'
}
