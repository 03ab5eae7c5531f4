import { InvalidInputError } from '../../../base/errors.js'
import { type ImageTaskArguments, InvalidArgumentsError } from '../../task/arguments.js'
import { createScheduler } from '../schedulers/createScheduler.js'
import type { Scheduler } from '../schedulers/scheduler.js'

/**
 * The scheduler that a task asks for, on the noise of its model.
 *
 * What the scheduler cannot work with was asked for by the task: every node refuses it alike.
 *
 * @param modelConfig the contents of the base model's `scheduler_config.json`
 * @throws InvalidArgumentsError naming the field and its value
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
    throw new InvalidArgumentsError(`field ${field}: ${message}`, { remedy, details: { ...details, field }, cause })
  }
}

/** A setting that the task did not name comes from the model or a default; then it is their combination that fails. */
function fieldOf(argument: unknown, args: object): string {
  if (argument === 'steps') return 'task_config.steps'
  return typeof argument === 'string' && Object.hasOwn(args, argument) ? `scheduler.args.${argument}` : 'scheduler'
}
