import { InvalidInputError } from '../../../base/errors.js'
import { createDdim } from './ddim.js'
import { createDpmSolverMultistep } from './dpmSolverMultistep.js'
import { createEulerAncestralDiscrete } from './eulerAncestralDiscrete.js'
import { createEulerDiscrete } from './eulerDiscrete.js'
import { createLcm } from './lcm.js'
import { createPndm } from './pndm.js'
import type { Scheduler } from './scheduler.js'
import type { SchedulerOptions } from './schedulerSettings.js'
import { createUniPcMultistep } from './uniPcMultistep.js'

const FACTORIES: Record<string, (options: SchedulerOptions) => Scheduler> = {
  DPMSolverMultistepScheduler: createDpmSolverMultistep,
  EulerAncestralDiscreteScheduler: createEulerAncestralDiscrete,
  LCMScheduler: createLcm,
  DDIMScheduler: createDdim,
  EulerDiscreteScheduler: createEulerDiscrete,
  PNDMScheduler: createPndm,
  UniPCMultistepScheduler: createUniPcMultistep,
}

/** The scheduler methods that a task may name. */
export const SCHEDULER_METHODS: readonly string[] = Object.keys(FACTORIES)

/**
 * The scheduler for a task: the model's configuration, read by another scheduler class, with arguments on top.
 *
 * @param method one of `SCHEDULER_METHODS`
 * @param modelConfig the contents of the model's `scheduler_config.json`
 * @param args the task's scheduler arguments
 * @param steps how many steps the task asks for; some schedules have a different number of timesteps
 * @throws InvalidInputError that names an unknown method, an unknown argument, or a value that cannot be used
 */
export function createScheduler(
  method: string,
  modelConfig: Record<string, unknown>,
  args: Record<string, unknown>,
  steps: number,
): Scheduler {
  const create = Object.hasOwn(FACTORIES, method) ? FACTORIES[method] : undefined
  if (!create) {
    throw new InvalidInputError(`Unknown scheduler "${method}"`, {
      remedy: `Use one of ${SCHEDULER_METHODS.join(', ')}.`,
      details: { scheduler: method },
    })
  }
  if (!Number.isInteger(steps) || steps < 1) {
    throw new InvalidInputError(`Cannot take ${steps} steps`, { remedy: 'Give a whole number of steps, at least 1.' })
  }
  return create({ modelConfig, args, steps })
}
