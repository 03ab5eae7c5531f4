import { arange, linspace, roundHalfToEven } from './numpyRanges.js'

/** How timesteps are spread over the training steps (Lin et al., arXiv:2305.08891, table 2). */
export type TimestepSpacing = 'linspace' | 'leading' | 'trailing'

/** The settings that place timesteps. */
export type SpacingSettings = {
  timestep_spacing: TimestepSpacing
  num_train_timesteps: number
  steps_offset: number
}

/**
 * Timesteps of the samplers that visit both ends, largest first; with `linspace` they are fractional.
 *
 * With `trailing` and some numbers of steps (61 of 1000, for one) a quotient is rounded so that there is one more,
 * which is −1: the original has it too.
 */
export function samplerTimesteps(settings: SpacingSettings, steps: number): number[] {
  const { timestep_spacing, num_train_timesteps, steps_offset } = settings
  switch (timestep_spacing) {
    case 'linspace':
      return linspace(0, num_train_timesteps - 1, steps).reverse()
    case 'leading': {
      const ratio = Math.floor(num_train_timesteps / steps)
      return Array.from({ length: steps }, (_, index) => (steps - 1 - index) * ratio + steps_offset)
    }
    case 'trailing':
      return arange(num_train_timesteps, 0, -num_train_timesteps / steps).map((value) => roundHalfToEven(value) - 1)
  }
}

/**
 * Timesteps of the multistep solvers, largest first, whole: the lower end of the range is left for the final level.
 *
 * @param usable how many training steps are spread over, from the first; all of them unless the noisiest are clipped
 */
export function solverTimesteps(
  { timestep_spacing, num_train_timesteps, steps_offset }: SpacingSettings,
  steps: number,
  usable = num_train_timesteps,
): number[] {
  switch (timestep_spacing) {
    case 'linspace':
      return linspace(0, usable - 1, steps + 1)
        .map(roundHalfToEven)
        .reverse()
        .slice(0, -1)
    case 'leading': {
      const ratio = Math.floor(usable / (steps + 1))
      return Array.from({ length: steps }, (_, index) => (steps - index) * ratio + steps_offset)
    }
    case 'trailing':
      return arange(usable, 0, -num_train_timesteps / steps).map((timestep) => roundHalfToEven(timestep) - 1)
  }
}
