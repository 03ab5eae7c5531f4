import { createMersenneTwister } from '../generator/mersenneTwister.js'

/** Draws tokens with given probabilities; one per task, its stream goes on from answer to answer. */
export type Sampler = {
  /** A place with the probability that stands there. */
  draw(probabilities: Float32Array): number
  /** Several different places, each drawn from what the earlier ones have left. */
  drawDistinct(probabilities: Float32Array, count: number): number[]
}

/**
 * Creates a sampler over a Mersenne Twister. The network's engine draws on the GPU, whose generator is another one: only nodes that
 * run this program agree on sampled answers.
 *
 * @param seed the task's seed.
 */
export function createSampler(seed: number): Sampler {
  const twister = createMersenneTwister(seed)
  /** 53 bits in [0, 1), from two words. */
  const uniform = (): number => ((twister.next() >>> 5) * 2 ** 26 + (twister.next() >>> 6)) * 2 ** -53

  function draw(probabilities: Float32Array): number {
    let sum = 0
    for (const probability of probabilities) sum += probability
    let rest = uniform() * sum
    let last = 0
    for (let place = 0; place < probabilities.length; place++) {
      const probability = probabilities[place] ?? 0
      if (probability === 0) continue
      last = place
      rest -= probability
      if (rest < 0) break
    }
    return last
  }

  return {
    draw,
    drawDistinct(probabilities, count) {
      const left = probabilities.slice()
      const drawn: number[] = []
      while (drawn.length < count && left.some((probability) => probability > 0)) {
        const place = draw(left)
        drawn.push(place)
        left[place] = 0
      }
      return drawn
    },
  }
}
