import type { DrawPrecision } from '../generator/torchGenerator.js'

/** What one call of `step` needs; every array has the length of the sample and is only read. */
export type SchedulerStep = {
  /** Position in `timesteps`, 0 for the first. */
  index: number
  /** The current latents. */
  sample: Float32Array
  /** The prediction of the model for `scaleModelInput(sample, index)`, after guidance. */
  modelOutput: Float32Array
  /** What the step before returned as `history`; `[]` for the first step of a picture. */
  history: SchedulerHistory
  /** Standard normal noise; given exactly where `drawsNoise(index)` says so. */
  noise?: Float32Array
}

/** Data predictions of earlier steps, newest last: opaque to the caller. */
export type SchedulerHistory = readonly Float32Array[]

export type SchedulerStepResult = {
  /** The latents after the step. */
  sample: Float32Array
  /** To be handed to the next step. */
  history: SchedulerHistory
  /** The picture that the step believes in (consistency schedulers: what the last step shows). */
  denoised?: Float32Array
}

/**
 * A noise schedule with its solver, for one number of steps.
 *
 * Immutable: the same scheduler serves every picture of a task. Arithmetic is float32 as in the original.
 */
export type Scheduler = {
  method: string
  /** One per call of the model, noisiest first; may be fractional. */
  timesteps: readonly number[]
  /** Noise levels where the algorithm has them, one more than `timesteps`; else empty. */
  sigmas: readonly number[]
  /** Start latents are `randn * initNoiseSigma`. */
  initNoiseSigma: number
  predictionType: PredictionType
  /** The cumulative product of the alphas, one per training step. */
  alphasCumprod: Float32Array
  /** Set where latents are held in half precision: in what the noise is drawn. */
  half?: { noise: DrawPrecision }
  /** What the model is to see: a new array, or `sample` itself where nothing is scaled. */
  scaleModelInput(sample: Float32Array, index: number): Float32Array
  /** Whether the step at `index` consumes one tensor of noise from the task's generator. */
  drawsNoise(index: number): boolean
  /** One step; pure. */
  step(step: SchedulerStep): SchedulerStepResult
}

export type PredictionType = 'epsilon' | 'v_prediction' | 'sample'
