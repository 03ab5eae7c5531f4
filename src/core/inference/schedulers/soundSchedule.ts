import { InvalidInputError } from '../../../base/errors.js'

/** Refuses noise tables that hold NaN or infinity: the pictures would too. */
export function requireFinite(method: string, values: ArrayLike<number>): void {
  if (Array.prototype.every.call(values, Number.isFinite)) return
  throw new InvalidInputError(`The beta schedule gives ${method} noise levels that are not finite`, {
    remedy: 'Check beta_start, beta_end and num_train_timesteps.',
  })
}

/**
 * Refuses schedules that visit their first timestep twice, or that have no timestep.
 *
 * The original looks its position up by the first timestep and takes the second place where there are two; it then
 * runs over the end of its noise levels.
 */
export function requireDistinctStart(method: string, timesteps: readonly number[]): void {
  if (timesteps.length > 0 && timesteps[0] !== timesteps[1]) return
  throw new InvalidInputError(`${method} has no distinct timesteps for so many steps`, {
    remedy: 'Use fewer steps, or a larger num_train_timesteps.',
  })
}
