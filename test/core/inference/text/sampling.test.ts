import { expect, test } from 'vitest'
import { createSampler } from '../../../../src/core/inference/text/sampling.js'

test('draws follow the 53-bit numbers of the Mersenne Twister', () => {
  // Matsumoto and Nishimura's genrand_res53 with its default seed: 0.8147…, 0.9057…, 0.1269…, as MATLAB's rand prints them.
  const sampler = createSampler(5489)
  const even = new Float32Array(1000).fill(0.001)
  expect(Array.from({ length: 10 }, () => sampler.draw(even))).toEqual([
    814, 905, 126, 913, 632, 97, 278, 546, 957, 964,
  ])
})

test('tokens come as often as their probabilities say, and never without one', () => {
  const sampler = createSampler(1)
  const probabilities = Float32Array.of(0.5, 0, 0.3, 0.15, 0.05, 0)
  const draws = 20_000
  const counts = new Array<number>(probabilities.length).fill(0)
  for (let round = 0; round < draws; round++) {
    const token = sampler.draw(probabilities)
    counts[token] = (counts[token] ?? 0) + 1
  }
  for (const [token, probability] of probabilities.entries()) {
    const spread = Math.sqrt(draws * probability * (1 - probability))
    expect(Math.abs((counts[token] ?? 0) - draws * probability)).toBeLessThanOrEqual(4 * spread)
  }
})

test('distinct draws never repeat, and stop when nothing is left', () => {
  const sampler = createSampler(2)
  const probabilities = Float32Array.of(0.9, 0.05, 0, 0.05)
  for (let round = 0; round < 50; round++)
    expect(sampler.drawDistinct(probabilities, 4).sort((a, b) => a - b)).toEqual([0, 1, 3])
})
