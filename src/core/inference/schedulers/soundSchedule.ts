import { InvalidInputError } from '../../../base/errors.js'
import { refusedSetting } from './schedulerSettings.js'

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

/** Refuses a step whose factors are NaN or infinite: so would be every value of the picture. */
export function requireFiniteStep(method: string, timestep: number, factors: readonly number[]): void {
  if (factors.every(Number.isFinite)) return
  throw new InvalidInputError(`These settings give ${method} factors that are not finite at timestep ${timestep}`, {
    remedy: 'Check final_sigmas_type, rescale_betas_zero_snr and prediction_type, then the beta schedule.',
    details: { scheduler: method, timestep },
  })
}

/**
 * Looks a timestep up in a table of the training steps; as in Python, negative ones count from the end.
 *
 * @throws InvalidInputError where the original's look-up raises
 */
export function trainedAt(method: string, table: Float32Array, timestep: number): number {
  const value = table.at(timestep)
  if (value !== undefined) return value
  throw new InvalidInputError(`${method} would visit timestep ${timestep} of ${table.length} training steps`, {
    remedy: 'Use fewer steps, a smaller steps_offset, or a larger num_train_timesteps.',
    details: { argument: 'steps_offset', scheduler: method },
  })
}

/** Refuses dynamic thresholding to nothing: the picture is divided by the threshold, a float32. */
export function requireThreshold(
  method: string,
  { thresholding, sample_max_value }: { thresholding: boolean; sample_max_value: number },
): void {
  if (!thresholding || Math.fround(sample_max_value) > 0) return
  throw refusedSetting(method, 'sample_max_value', sample_max_value, 'Use a positive limit with thresholding.')
}
