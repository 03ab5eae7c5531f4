import { describe, expect, test } from 'vitest'
import { samplerTimesteps, solverTimesteps } from '../../../../src/core/inference/schedulers/timestepSpacing.js'

const settings = (timestep_spacing: 'linspace' | 'leading' | 'trailing', steps_offset = 0) => ({
  timestep_spacing,
  num_train_timesteps: 1000,
  steps_offset,
})

describe('timesteps', () => {
  test('of samplers visit both ends', () => {
    expect(samplerTimesteps(settings('linspace'), 4)).toEqual([999, 666, 333, 0])
    expect(samplerTimesteps(settings('leading', 1), 4)).toEqual([751, 501, 251, 1])
    expect(samplerTimesteps(settings('trailing', 1), 4)).toEqual([999, 749, 499, 249])
    expect(samplerTimesteps(settings('linspace'), 1)).toEqual([0])
  })

  test('of solvers leave the lower end to the last step', () => {
    expect(solverTimesteps(settings('linspace'), 4)).toEqual([999, 749, 500, 250])
    expect(solverTimesteps(settings('leading', 1), 4)).toEqual([801, 601, 401, 201])
    expect(solverTimesteps(settings('trailing'), 4)).toEqual([999, 749, 499, 249])
    expect(solverTimesteps(settings('trailing'), 4, 600)).toEqual([599, 349, 99])
  })

  test('of the trailing spacing are one more where a quotient is rounded up, as in NumPy', () => {
    const odd = Array.from({ length: 100 }, (_, index) => index + 1).filter(
      (steps) => samplerTimesteps(settings('trailing'), steps).length !== steps,
    )
    // numpy.arange(1000, 0, -1000 / 61) has 62 values.
    expect(odd).toEqual([61])
    expect(samplerTimesteps(settings('trailing'), 61).slice(-2)).toEqual([15, -1])
  })
})
