import type { TextTaskArguments } from '../../task/arguments.js'
import { hasModelFile, ModelFileError, type ModelFolder, readModelJson } from '../modelFile.js'
import { ModelInputError } from '../modelInputError.js'
import { requireModelKind } from '../pipelines/requireModelKind.js'
import { requireKnownCharacters } from '../requireKnownCharacters.js'
import type { SessionStore } from '../session.js'
import { answerText, createTextStream } from './answerText.js'
import { createCausalModel } from './causalModel.js'
import { renderChat } from './chatTemplate.js'
import { chooseModelFile } from './chooseModelFile.js'
import { generateAnswers } from './generateAnswers.js'
import { resolveSettings } from './generationSettings.js'
import { createStopCheck } from './stopStrings.js'
import { loadTextTokenizer } from './textTokenizer.js'

export type TextStage = 'load' | 'encode' | 'prefill' | 'generate'

/** What a text pipeline tells while it writes: the piece of text that an answer has gained, and its tokens so far. */
export type TextProgress = { stage: 'generate'; answer: number; tokens: number; text: string }

export type TextPipelineHooks = {
  onProgress(progress: TextProgress): void
  /** Adds the time since the previous call to a stage. */
  onStageEnd(stage: TextStage): void
}

/** What a text task answers; the result file is its canonical form. */
export type TextResponse = {
  model: string
  choices: { index: number; message: { role: 'assistant'; content: string }; finish_reason: 'stop' | 'length' }[]
  usage: { prompt_tokens: number; completion_tokens: number; total_tokens: number }
}

export type TextPipeline = {
  /** Facts that belong into the result's environment. */
  environment: Record<string, string | number>
  run(task: TextTaskArguments, hooks: TextPipelineHooks): Promise<TextResponse>
}

/**
 * Loads a causal language model in the layout of transformers.js.
 *
 * @throws ModelFileError, NotSupportedYetError; running it also throws ModelInputError.
 */
export async function loadTextPipeline(
  model: ModelFolder,
  sessions: SessionStore,
  task: Pick<TextTaskArguments, 'dtype' | 'quantize_bits'>,
): Promise<TextPipeline> {
  await requireModelKind(model, 'text')
  const whole = await readModelJson(model, 'config.json')
  // Models that also see pictures keep the language model's part by itself.
  const config = isObject(whole.text_config) ? { ...whole, ...whole.text_config } : whole
  const own = (await hasModelFile(model, 'generation_config.json'))
    ? await readModelJson(model, 'generation_config.json')
    : {}
  const { tokenizer, templates } = await loadTextTokenizer(model)
  const file = await chooseModelFile(model, task)
  const causal = createCausalModel(model, await sessions.open(model, file))
  const window = count(config.max_position_embeddings ?? config.n_positions)
  const vocabulary = count(config.vocab_size)

  return {
    environment: { network: file, batch: 1 },
    async run(task, { onProgress, onStageEnd }) {
      const settings = resolveSettings({ model, own, config, task })
      const chat = renderChat(templates, task)
      requireKnownCharacters('messages', chat)
      const prompt = tokenizer.encode(chat)
      if (prompt.length === 0)
        throw new ModelInputError(
          'messages',
          `gives an empty prompt with the chat template of '${model.id}'`,
          'Write a message that is not empty.',
        )
      if (window !== undefined && prompt.length >= window)
        throw new ModelInputError(
          'messages',
          `is ${prompt.length} tokens long with the chat template, '${model.id}' takes fewer than ${window}`,
          'Shorten the messages, or use a model with a larger context.',
        )
      if (vocabulary !== undefined && prompt.some((token) => token >= vocabulary))
        throw new ModelFileError(model, 'tokenizer.json', `has tokens beyond the ${vocabulary} of config.json`)
      onStageEnd('encode')

      const streams = Array.from({ length: settings.sequences }, () => createTextStream(tokenizer))
      const answers = await generateAnswers({
        model: causal,
        prompt,
        settings,
        seed: task.seed,
        window: window ?? Number.POSITIVE_INFINITY,
        stops: createStopCheck(tokenizer, settings.stopStrings, prompt),
        onToken: (answer, tokens) =>
          onProgress({ stage: 'generate', answer, tokens: tokens.length, text: streams[answer]?.push(tokens) ?? '' }),
        onAnswer: (answer, tokens) =>
          onProgress({ stage: 'generate', answer, tokens: tokens.length, text: streams[answer]?.end(tokens) ?? '' }),
        onBeamStep: (tokens) => onProgress({ stage: 'generate', answer: 0, tokens, text: '' }),
        onPrefilled: () => onStageEnd('prefill'),
      })
      onStageEnd('generate')
      return respond(task.model, answers)

      function respond(name: string, made: readonly number[][]): TextResponse {
        // As in the original, the shorter answers of a task are filled up to the longest and counted so.
        const longest = Math.max(...made.map((tokens) => tokens.length))
        const choices = made.map((tokens, index) => {
          const last = tokens.length < longest ? settings.paddingId : (tokens.at(-1) ?? -1)
          const ended = last === tokenizer.endId || settings.endIds.includes(last)
          return {
            index,
            message: { role: 'assistant' as const, content: answerText(tokenizer, tokens) },
            finish_reason: ended ? ('stop' as const) : ('length' as const),
          }
        })
        const written = longest * made.length
        return {
          model: name,
          choices,
          usage: {
            prompt_tokens: prompt.length,
            completion_tokens: written,
            total_tokens: prompt.length + written,
          },
        }
      }
    },
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const count = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : undefined
