import { beamSearch } from './beamSearch.js'
import type { CausalModel, CausalState } from './causalModel.js'
import type { GenerationSettings } from './generationSettings.js'
import { createLogitsProcessors, type LogitsProcessor } from './logitsProcessors.js'
import { largestPlaces } from './ordering.js'
import { createSampler, type Sampler } from './sampling.js'
import { softmax } from './softmax.js'
import type { StopCheck } from './stopStrings.js'

export type GenerateOptions = {
  model: CausalModel
  /** Tokens of the prompt. */
  prompt: readonly number[]
  settings: GenerationSettings
  seed: number
  /** Tokens that the model can look at, prompt included; an answer ends there at the latest. */
  window: number
  stops: StopCheck
  /** Hears each token as it comes: the answer so far. Not called for the tokens of beams, which may still be dropped. */
  onToken(answer: number, tokens: readonly number[]): void
  /** Hears each answer when it is complete. */
  onAnswer(answer: number, tokens: readonly number[]): void
  /** Hears how many tokens a beam search has come to. */
  onBeamStep(tokens: number): void
  /** Called when the prompt has been read. */
  onPrefilled(): void
}

/**
 * Makes the answers of a task: greedy, sampled one after the other from one generator, or by beam search.
 *
 * @returns the tokens of each answer, its end token included.
 */
export async function generateAnswers(options: GenerateOptions): Promise<number[][]> {
  const { model, prompt, settings, seed, window, stops, onToken, onAnswer, onBeamStep, onPrefilled } = options
  const processors = createLogitsProcessors(settings)
  const sampler = createSampler(seed)
  const limit = Math.min(settings.maxNewTokens, window - prompt.length)
  const endIds = new Set(settings.endIds)
  const ends = (tokens: readonly number[]) => endIds.has(tokens.at(-1) ?? -1) || stops(tokens)
  const first = await model.start(prompt)
  onPrefilled()
  if (settings.beams > 1) {
    const found = await beamSearch({
      model,
      prompt,
      first,
      settings,
      limit,
      processors,
      sampler,
      ends,
      onStep: onBeamStep,
    })
    for (const [answer, tokens] of found.entries()) onAnswer(answer, tokens)
    return found
  }
  const answers: number[][] = []
  for (let answer = 0; answer < settings.sequences; answer++) {
    const tokens: number[] = []
    for (let state: CausalState = first; ; state = await model.extend(state, tokens.at(-1) ?? 0)) {
      tokens.push(choose(state, [...prompt, ...tokens], { settings, processors, sampler }))
      onToken(answer, tokens)
      if (tokens.length >= limit || ends(tokens)) break
    }
    onAnswer(answer, tokens)
    answers.push(tokens)
  }
  return answers
}

function choose(
  state: CausalState,
  seen: readonly number[],
  {
    settings,
    processors,
    sampler,
  }: { settings: GenerationSettings; processors: readonly LogitsProcessor[]; sampler: Sampler },
): number {
  const scores = processors.length === 0 ? state.logits : state.logits.slice()
  for (const processor of processors) processor.apply(scores, seen)
  return settings.doSample ? sampler.draw(softmax(scores)) : (largestPlaces(scores, 1)[0] ?? 0)
}
