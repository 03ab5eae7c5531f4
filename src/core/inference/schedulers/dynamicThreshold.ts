const fround = Math.fround

/** Limits of dynamic thresholding (Saharia et al., arXiv:2205.11487, section 2.3). */
export type DynamicThreshold = {
  /** Quantile of the absolute values that becomes the threshold. */
  ratio: number
  /** The threshold is at least 1 and at most this. */
  maximum: number
}

/** Clips the predicted picture to its threshold and divides by it, in float32. */
export function dynamicThreshold(predicted: Float32Array, { ratio, maximum }: DynamicThreshold): Float32Array {
  const threshold = fround(Math.min(Math.max(absoluteQuantile(predicted, ratio), 1), maximum))
  return predicted.map((value) => Math.min(Math.max(value, -threshold), threshold) / threshold)
}

/** `torch.quantile(values.abs(), ratio)`: linear between neighbours, rank and weight in float32. */
function absoluteQuantile(values: Float32Array, ratio: number): number {
  const sorted = values.map(Math.abs).sort()
  const rank = fround(fround(ratio) * (sorted.length - 1))
  const below = Math.floor(rank)
  const weight = fround(rank - below)
  const low = sorted[below] as number
  const high = sorted[Math.ceil(rank)] as number
  const difference = fround(high - low)
  return weight < 0.5
    ? fround(low + fround(weight * difference))
    : fround(high - fround(difference * fround(1 - weight)))
}
