const fround = Math.fround

export const BETA_SCHEDULES = ['linear', 'scaled_linear', 'squaredcos_cap_v2'] as const
export type BetaSchedule = (typeof BETA_SCHEDULES)[number]

/** How noise was added while the model was trained. */
export type TrainingNoise = {
  trainSteps: number
  betaStart: number
  betaEnd: number
  betaSchedule: BetaSchedule
  /** Given betas override the schedule. */
  trainedBetas: readonly number[] | null
  /** Rescale so that the last step is pure noise (Lin et al., arXiv:2305.08891, algorithm 1). */
  rescaleZeroSnr: boolean
}

/**
 * The cumulative product of 1 − beta over the training steps: how much of the picture is left at each timestep.
 *
 * @returns one float32 per training step; the last is 0 with `rescaleZeroSnr`
 */
export function cumulativeAlphas(noise: TrainingNoise): Float32Array {
  const betas = trainingBetas(noise)
  const table = cumulativeProduct(betas.map((beta) => 1 - beta))
  if (!noise.rescaleZeroSnr) return table
  return cumulativeProduct(rescaledToZeroSnr(table))
}

/** The same with the last 0 replaced by 2^-24, where the solver works with noise levels that must be finite. */
export function clampedCumulativeAlphas(noise: TrainingNoise): Float32Array {
  const table = cumulativeAlphas(noise)
  if (noise.rescaleZeroSnr) table[table.length - 1] = 2 ** -24
  return table
}

/** Noise levels √((1−ᾱ)/ᾱ), float32. */
export function noiseLevels(alphas: Float32Array): Float32Array {
  return alphas.map((alpha) => Math.sqrt(fround(fround(1 - alpha) / alpha)))
}

function trainingBetas({ trainSteps, betaStart, betaEnd, betaSchedule, trainedBetas }: TrainingNoise): Float32Array {
  if (trainedBetas) return Float32Array.from(trainedBetas)
  switch (betaSchedule) {
    case 'linear':
      return linspace32(betaStart, betaEnd, trainSteps)
    case 'scaled_linear':
      return linspace32(Math.sqrt(betaStart), Math.sqrt(betaEnd), trainSteps).map((root) => root * root)
    case 'squaredcos_cap_v2':
      return Float32Array.from({ length: trainSteps }, (_, step) =>
        Math.min(1 - cosineAlpha((step + 1) / trainSteps) / cosineAlpha(step / trainSteps), 0.999),
      )
  }
}

/** Nichol and Dhariwal, arXiv:2102.09672, with an offset of 0.008. */
function cosineAlpha(time: number): number {
  return Math.cos((((time + 0.008) / 1.008) * Math.PI) / 2) ** 2
}

/** `torch.linspace` in float32 on a CPU: counted from the nearer end, with a fused multiply-add. */
export function linspace32(from: number, to: number, count: number): Float32Array {
  const start = fround(from)
  const end = fround(to)
  const step = fround(fround(end - start) / (count - 1))
  const half = Math.floor(count / 2)
  if (count === 1) return Float32Array.of(start)
  return Float32Array.from({ length: count }, (_, index) =>
    index < half ? start + step * index : end - step * (count - index - 1),
  )
}

/** Accumulates in float64 and rounds each element, as PyTorch does for float32 on a CPU. */
function cumulativeProduct(values: Float32Array): Float32Array {
  let product = 1
  return values.map((value) => {
    product *= value
    return product
  })
}

/** Shifts and scales √ᾱ so that it ends at 0 and begins as before; returns the alphas of each step. */
function rescaledToZeroSnr(table: Float32Array): Float32Array {
  const roots = table.map(Math.sqrt)
  const first = roots[0] as number
  const last = roots[roots.length - 1] as number
  const factor = fround(first / fround(first - last))
  const rescaled = roots.map((root) => fround(fround(root - last) * factor)).map((root) => root * root)
  return rescaled.map((value, index) => {
    const alpha = index === 0 ? value : fround(value / (rescaled[index - 1] as number))
    // The original goes through the betas, which costs a rounding.
    return 1 - fround(1 - alpha)
  })
}
