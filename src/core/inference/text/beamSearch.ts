import type { CausalModel, CausalState } from './causalModel.js'
import type { GenerationSettings } from './generationSettings.js'
import type { LogitsProcessor } from './logitsProcessors.js'
import { largestPlaces } from './ordering.js'
import type { Sampler } from './sampling.js'
import { logSoftmax, softmax } from './softmax.js'

/** Lower than any real score; what has it cannot win. */
const NEVER = Math.fround(-1e9)

type Beam = { tokens: number[]; score: number; state: CausalState }
type Finished = { tokens: number[]; score: number }
type Candidate = { beam: Beam; token: number; score: number; ends: boolean }

export type BeamSearchOptions = {
  model: CausalModel
  prompt: readonly number[]
  first: CausalState
  settings: GenerationSettings
  /** Most tokens of an answer. */
  limit: number
  processors: readonly LogitsProcessor[]
  sampler: Sampler
  /** Whether an answer ends with its last token. */
  ends(tokens: readonly number[]): boolean
  onStep(tokens: number): void
}

/**
 * Beam search with the rules of transformers' `generate()`: of each step's best candidates the unfinished go on, those among the
 * first `num_beams` that end are kept with their score divided by length^length_penalty, and the search ends when no open beam can
 * become better than the worst finished one.
 *
 * @returns the best answers, best first, `num_return_sequences` of them.
 */
export async function beamSearch(options: BeamSearchOptions): Promise<number[][]> {
  const { model, prompt, first, settings, limit, processors, ends, onStep } = options
  const { beams: width, lengthPenalty, earlyStopping } = settings
  let open: Beam[] = [{ tokens: [], score: 0, state: first }]
  let finished: Finished[] = []
  const penalized = (score: number, length: number): number => Math.fround(score / length ** lengthPenalty)

  for (let length = 1; ; length++) {
    const candidates = chooseCandidates(options, open, (tokens) => tokens.length >= limit || ends(tokens))
    onStep(length)
    // Candidates beyond the first `width` are only a reserve for beams that end.
    const complete = candidates.slice(0, width).filter((candidate) => candidate.ends)
    if (!(earlyStopping === true && finished.length === width)) {
      const more = complete.map(({ beam, token, score }) => ({
        tokens: [...beam.tokens, token],
        score: penalized(score, length),
      }))
      // A stable sort: of equal ones the earlier stays in front.
      finished = [...finished, ...more].sort((a, b) => b.score - a.score).slice(0, width)
    }
    const next = candidates.filter((candidate) => !candidate.ends).slice(0, width)
    const best = next[0]
    if (!best) break
    const full = finished.length === width
    if (full && earlyStopping === true) break
    const hopeful = penalized(best.score, earlyStopping === 'never' && lengthPenalty > 0 ? limit : length)
    if (full && !(hopeful > (finished.at(-1)?.score ?? NEVER))) break
    open = []
    for (const { beam, token, score } of next)
      open.push({ tokens: [...beam.tokens, token], score, state: await model.extend(beam.state, token) })
  }
  return finished.slice(0, settings.sequences).map(({ tokens }) => tokens)

  function chooseCandidates(
    { sampler }: BeamSearchOptions,
    beams: readonly Beam[],
    isEnd: (tokens: readonly number[]) => boolean,
  ): Candidate[] {
    const size = first.logits.length
    const scores = new Float32Array(beams.length * size)
    for (const [index, beam] of beams.entries()) {
      const own = logSoftmax(beam.state.logits)
      for (const processor of processors) processor.apply(own, [...prompt, ...beam.tokens])
      scores.set(
        own.map((score) => score + beam.score),
        index * size,
      )
    }
    const count = Math.max(2, 1 + settings.endIds.length) * width
    const places = settings.doSample
      ? sampler.drawDistinct(softmax(scores), count).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b)
      : largestPlaces(scores, count)
    return places.flatMap((place) => {
      const beam = beams[Math.floor(place / size)]
      if (!beam) return []
      const token = place % size
      return [{ beam, token, score: scores[place] ?? NEVER, ends: isEnd([...beam.tokens, token]) }]
    })
  }
}
