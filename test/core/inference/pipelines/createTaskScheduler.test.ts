import { describe, expect, test } from 'vitest'
import { createTaskScheduler } from '../../../../src/core/inference/pipelines/createTaskScheduler.js'
import { parseImageArguments } from '../../../../src/core/task/arguments.js'

const sd15 = { _class_name: 'PNDMScheduler', beta_schedule: 'scaled_linear', skip_prk_steps: true, steps_offset: 1 }

function scheduled(method: string, args: object, steps = 10, modelConfig: Record<string, unknown> = sd15) {
  const given = { base_model: 'x', prompt: 'a cat', task_config: { steps }, scheduler: { method, args } }
  return createTaskScheduler(parseImageArguments(given), modelConfig)
}

describe('the scheduler of a task', () => {
  test('has the noise of the model and the arguments of the task', () => {
    expect(scheduled('DDIMScheduler', {}, 2).timesteps).toEqual([501, 1])
    expect(scheduled('DDIMScheduler', { steps_offset: 0 }, 2).timesteps).toEqual([500, 0])
  })

  test.each<[string, object, number, string, string]>([
    ['LCMScheduler', {}, 60, 'task_config.steps', 'steps = 60'],
    ['DDIMScheduler', { num_train_timesteps: 9 }, 10, 'task_config.steps', 'steps = 10'],
    ['PNDMScheduler', { skip_prk_steps: false }, 3, 'task_config.steps', 'steps = 3'],
    ['PNDMScheduler', { prediction_type: 'sample' }, 4, 'scheduler.args.prediction_type', 'prediction_type = "sample"'],
    ['DDIMScheduler', { steps_offset: 900 }, 10, 'scheduler.args.steps_offset', 'timestep 1800 of 1000'],
    ['UniPCMultistepScheduler', { predict_x0: false }, 4, 'scheduler.args.predict_x0', 'predict_x0 = false'],
    ['UniPCMultistepScheduler', { solver_type: 'bh1' }, 4, 'scheduler.args.solver_type', 'solver_type = "bh1"'],
    [
      'UniPCMultistepScheduler',
      { lower_order_final: false },
      4,
      'scheduler.args.lower_order_final',
      'lower_order_final',
    ],
    [
      'EulerDiscreteScheduler',
      { use_karras_sigmas: true, use_exponential_sigmas: true },
      4,
      'scheduler.args.use_exponential_sigmas',
      'use_exponential_sigmas = true',
    ],
    [
      'DDIMScheduler',
      { rescale_betas_zero_snr: true, timestep_spacing: 'trailing' },
      4,
      'scheduler.args.rescale_betas_zero_snr',
      'rescale_betas_zero_snr = true',
    ],
    ['DPMSolverMultistepScheduler', { algorithm_type: 'dpmsolver' }, 4, 'scheduler', 'final_sigmas_type = "zero"'],
  ])('%s with %j in %i steps: names %s', (method, args, steps, field, said) => {
    const refusal = expect(() => scheduled(method, args, steps))
    refusal.toThrow(
      expect.objectContaining({
        code: 'CRYNUX_INVALID_ARGUMENTS',
        exitCode: 2,
        message: expect.stringContaining(said),
      }),
    )
    refusal.toThrow(`field ${field}: ${method}`)
  })

  // A node with another copy of the configuration may have a result, and who votes against it would be slashed.
  test.each<[string, object, object, string]>([
    ['a value of its own', { prediction_type: 'flow_prediction' }, {}, 'field scheduler does not go with the model'],
    ['too few training steps', { num_train_timesteps: 9 }, {}, 'field task_config.steps does not go with the model'],
    [
      'what an argument does not go with',
      { timestep_spacing: 'trailing' },
      { rescale_betas_zero_snr: true },
      'field scheduler.args.rescale_betas_zero_snr does not go with the model',
    ],
  ])("what fails over the model's configuration is no fault of the arguments: %s", (_name, config, args, message) => {
    expect(() => scheduled('DDIMScheduler', args, 10, { ...sd15, ...config })).toThrow(
      expect.objectContaining({ code: 'CRYNUX_MODEL_INPUT', exitCode: 2, message: expect.stringContaining(message) }),
    )
  })
})
