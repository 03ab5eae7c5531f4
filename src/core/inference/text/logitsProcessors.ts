import type { GenerationSettings } from './generationSettings.js'
import { finitePlaces, largestPlaces } from './ordering.js'
import { logSoftmax, softmax } from './softmax.js'

/** Changes the scores of the next token in place; a removed token gets −∞. */
export type LogitsProcessor = {
  /** As the original calls it. */
  name: string
  /** @param seen all tokens of the sequence so far, the prompt included. */
  apply(scores: Float32Array, seen: readonly number[]): void
}

const REMOVED = Number.NEGATIVE_INFINITY

/**
 * The processors that `generate()` of transformers assembles for these settings, in its order: the repetition penalty always, the
 * others only while sampling.
 */
export function createLogitsProcessors(settings: GenerationSettings): LogitsProcessor[] {
  const { doSample, temperature, topK, topP, minP, typicalP, repetitionPenalty } = settings
  // A beam needs candidates that go on even when every end token is among the best.
  const least = settings.beams > 1 ? Math.max(2, settings.endIds.length + 1) : 1
  const processors: LogitsProcessor[] = []
  if (repetitionPenalty !== 1) processors.push(repetition(repetitionPenalty))
  if (!doSample) return processors
  if (temperature !== 1) processors.push(warm(temperature))
  if (topK > 0) processors.push(keepTop(Math.max(topK, least)))
  if (topP < 1) processors.push(keepNucleus(topP, least))
  if (minP !== undefined) processors.push(keepLikely(minP, least))
  if (typicalP < 1) processors.push(keepTypical(typicalP, least))
  return processors
}

/** Keskar et al., "CTRL: A Conditional Transformer Language Model for Controllable Generation", 2019, §4.1. */
function repetition(factor: number): LogitsProcessor {
  const penalty = Math.fround(factor)
  return {
    name: 'RepetitionPenaltyLogitsProcessor',
    apply(scores, seen) {
      for (const token of new Set(seen)) {
        const score = scores[token]
        if (score !== undefined) scores[token] = score < 0 ? score * penalty : score / penalty
      }
    },
  }
}

function warm(degree: number): LogitsProcessor {
  const temperature = Math.fround(degree)
  return {
    name: 'TemperatureLogitsWarper',
    apply(scores) {
      for (let token = 0; token < scores.length; token++) scores[token] = (scores[token] ?? 0) / temperature
    },
  }
}

/** Fan et al., "Hierarchical Neural Story Generation", 2018: the k best, and whatever equals the last of them. */
const keepTop = (count: number): LogitsProcessor => ({
  name: 'TopKLogitsWarper',
  apply(scores) {
    const last = largestPlaces(scores, Math.min(count, scores.length)).at(-1)
    const threshold = last === undefined ? REMOVED : (scores[last] ?? REMOVED)
    removeWhere(scores, (score) => score < threshold)
  },
})

/** Holtzman et al., "The Curious Case of Neural Text Degeneration", 2020: the fewest tokens whose probabilities reach `mass`. */
function keepNucleus(mass: number, least: number): LogitsProcessor {
  const tail = Math.fround(1 - mass)
  return {
    name: 'TopPLogitsWarper',
    apply(scores) {
      const probabilities = softmax(scores)
      const ascending = finitePlaces(scores).sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0) || a - b)
      let sum = 0
      for (const token of ascending.slice(0, Math.max(0, ascending.length - least))) {
        sum += probabilities[token] ?? 0
        // The sum only grows: what follows is kept.
        if (Math.fround(sum) > tail) break
        scores[token] = REMOVED
      }
    },
  }
}

/** Nguyen et al., "Turning Up the Heat: Min-p Sampling", 2024: tokens at least `share` times as likely as the best. */
const keepLikely = (share: number, least: number): LogitsProcessor => ({
  name: 'MinPLogitsWarper',
  apply(scores) {
    const probabilities = softmax(scores)
    const best = largestPlaces(scores, least)
    const threshold = Math.fround(Math.fround(share) * (probabilities[best[0] ?? 0] ?? 0))
    const safe = new Set(best)
    removeWhere(scores, (_, token) => (probabilities[token] ?? 0) < threshold && !safe.has(token))
  },
})

/** Meister et al., "Locally Typical Sampling", 2023: tokens whose surprise is nearest to the expected one, up to `mass`. */
function keepTypical(mass: number, least: number): LogitsProcessor {
  const limit = Math.fround(mass)
  return {
    name: 'TypicalLogitsWarper',
    apply(scores) {
      const logarithms = logSoftmax(scores)
      const probabilities = softmax(scores)
      const places = finitePlaces(scores)
      let entropy = 0
      for (const token of places) entropy -= Math.fround((logarithms[token] ?? 0) * Math.exp(logarithms[token] ?? 0))
      const expected = Math.fround(entropy)
      const distances = new Float32Array(scores.length).fill(Number.POSITIVE_INFINITY)
      for (const token of places) distances[token] = Math.abs(Math.fround(-(logarithms[token] ?? 0) - expected))
      const nearest = places.sort((a, b) => (distances[a] ?? 0) - (distances[b] ?? 0) || a - b)
      let sum = 0
      const place = nearest.findIndex((token) => {
        sum += probabilities[token] ?? 0
        return Math.fround(sum) >= limit
      })
      const threshold = distances[nearest[place] ?? -1] ?? Number.POSITIVE_INFINITY
      const safe = new Set(nearest.slice(0, least))
      removeWhere(scores, (_, token) => (distances[token] ?? 0) > threshold && !safe.has(token))
    },
  }
}

function removeWhere(scores: Float32Array, unwanted: (score: number, token: number) => boolean): void {
  for (let token = 0; token < scores.length; token++) {
    if (unwanted(scores[token] ?? 0, token)) scores[token] = REMOVED
  }
}
