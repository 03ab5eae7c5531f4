import { add, divide, divideBy, linearCombination, logarithm, multiply, squareRoot, subtract } from './float32.js'
import type { PredictionType } from './scheduler.js'

/** A noise level σ, as shares of the picture and of the noise in a sample of variance 1, and as log(α/σ). */
export type NoisePoint = { alpha: number; sigma: number; lambda: number }

/** The shares at a noise level; at level 0 the log-ratio is infinite. */
export function noisePoint(level: number): NoisePoint {
  const alpha = divide(1, squareRoot(add(multiply(level, level), 1)))
  const sigma = multiply(level, alpha)
  return { alpha, sigma, lambda: subtract(logarithm(alpha), logarithm(sigma)) }
}

/** A sample is `alpha · picture + sigma · noise`. */
export type Mixture = { alpha: number; sigma: number }

/** The picture that a model's output stands for; an array of its own. */
export function predictedPicture(
  type: PredictionType,
  { alpha, sigma }: Mixture,
  sample: Float32Array,
  modelOutput: Float32Array,
): Float32Array {
  switch (type) {
    case 'epsilon':
      return divideBy(alpha, linearCombination([1, sample], [-sigma, modelOutput]))
    case 'sample':
      return modelOutput.slice()
    case 'v_prediction':
      return linearCombination([alpha, sample], [-sigma, modelOutput])
  }
}

/** The noise that a model's output stands for; an array of its own. */
export function predictedNoise(
  type: PredictionType,
  { alpha, sigma }: Mixture,
  sample: Float32Array,
  modelOutput: Float32Array,
): Float32Array {
  switch (type) {
    case 'epsilon':
      return modelOutput.slice()
    case 'sample':
      return divideBy(sigma, linearCombination([1, sample], [-alpha, modelOutput]))
    case 'v_prediction':
      return linearCombination([alpha, modelOutput], [sigma, sample])
  }
}
