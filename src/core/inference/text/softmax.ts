/** Probabilities of scores, in float32 as the original; −∞ has probability 0. */
export function softmax(scores: Float32Array): Float32Array {
  const highest = maximum(scores)
  const exponentials = Float32Array.from(scores, (score) => Math.exp(Math.fround(score - highest)))
  let sum = 0
  for (const value of exponentials) sum += value
  return exponentials.map((value) => value / sum)
}

/** Logarithms of the probabilities of scores, in float32. */
export function logSoftmax(scores: Float32Array): Float32Array {
  const highest = maximum(scores)
  let sum = 0
  for (const score of scores) sum += Math.exp(Math.fround(score - highest))
  const shift = Math.fround(Math.log(sum))
  return scores.map((score) => Math.fround(score - highest) - shift)
}

function maximum(scores: Float32Array): number {
  let highest = Number.NEGATIVE_INFINITY
  for (const score of scores) if (score > highest) highest = score
  return highest
}
