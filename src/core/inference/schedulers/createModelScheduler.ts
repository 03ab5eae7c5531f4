import { InvalidInputError } from '../../../base/errors.js'
import { createScheduler, SCHEDULER_METHODS } from './createScheduler.js'
import type { Scheduler } from './scheduler.js'

/**
 * The scheduler that a model was published with, e.g. EulerDiscrete for the refiner of Stable Diffusion XL.
 *
 * A stage that begins in the middle (`denoising_start`) goes through the later `timesteps` with their own indices and an
 * empty history; the number of training steps, by which the cut is found, is the length of `alphasCumprod`.
 *
 * @param modelConfig the contents of the model's `scheduler_config.json`; its `_class_name` says which algorithm
 * @param steps how many steps are asked for
 * @throws InvalidInputError when the class is none of `SCHEDULER_METHODS`, or cannot work with the configuration
 */
export function createModelScheduler(modelConfig: Record<string, unknown>, steps: number): Scheduler {
  const method = modelConfig._class_name
  if (typeof method !== 'string' || !SCHEDULER_METHODS.includes(method)) {
    throw new InvalidInputError(
      `The model's own scheduler, ${JSON.stringify(method) ?? 'which has no name'}, is unknown`,
      {
        remedy: `Models may name one of ${SCHEDULER_METHODS.join(', ')} in scheduler_config.json.`,
        details: { scheduler: String(method) },
      },
    )
  }
  return createScheduler(method, modelConfig, {}, steps)
}
