import type { TextTaskArguments } from '../../task/arguments.js'
import { ModelFileError, type ModelFolder } from '../modelFile.js'
import { ModelInputError } from '../modelInputError.js'

/** How an answer is made: the model's own `generation_config.json` with the task's values laid over it. */
export type GenerationSettings = {
  maxNewTokens: number
  doSample: boolean
  beams: number
  sequences: number
  temperature: number
  /** 0: off. */
  topK: number
  /** 1: off. */
  topP: number
  minP: number | undefined
  /** 1: off. */
  typicalP: number
  /** 1: off. */
  repetitionPenalty: number
  stopStrings: readonly string[]
  /** Tokens that end an answer. */
  endIds: readonly number[]
  /** Fills up the shorter one of several answers. */
  paddingId: number
  /** Beam search: exponent of the length by which a finished beam's score is divided. */
  lengthPenalty: number
  earlyStopping: boolean | 'never'
}

const FILE = 'generation_config.json'

/** Values that a task's generation uses when neither it nor the model says anything; those of the original. */
const DEFAULTS = { maxNewTokens: 256, topK: 50 }

/** What else a model may ask for, with the values that mean "off": none of it is done here. */
const UNSUPPORTED: Readonly<Record<string, readonly unknown[]>> = {
  bad_words_ids: [],
  begin_suppress_tokens: [],
  constraints: [],
  diversity_penalty: [0],
  dola_layers: [],
  encoder_no_repeat_ngram_size: [0],
  encoder_repetition_penalty: [1],
  epsilon_cutoff: [0],
  eta_cutoff: [0],
  exponential_decay_length_penalty: [],
  force_words_ids: [],
  forced_bos_token_id: [],
  forced_eos_token_id: [],
  guidance_scale: [1],
  max_time: [],
  min_length: [0],
  min_new_tokens: [0],
  no_repeat_ngram_size: [0],
  num_beam_groups: [1],
  penalty_alpha: [0],
  remove_invalid_values: [false],
  renormalize_logits: [false],
  sequence_bias: [],
  suppress_tokens: [],
  top_h: [],
  watermarking_config: [],
}

export type SettingsSources = {
  model: ModelFolder
  /** `generation_config.json`; `{}` when the model has none. */
  own: Record<string, unknown>
  /** `config.json`: older models name their end tokens only there. */
  config: Record<string, unknown>
  task: TextTaskArguments
}

/**
 * Combines the model's and the task's settings as the original does: a value of the task wins, `max_new_tokens` is 256 and
 * `num_return_sequences` 1 unless the task says otherwise, and `top_k` is 50 where nobody names one.
 *
 * @throws ModelInputError for combinations that the original refuses, ModelFileError for settings that are not done here.
 */
export function resolveSettings({ model, own, config, task }: SettingsSources): GenerationSettings {
  const given = task.generation_config ?? {}
  for (const [name, neutral] of Object.entries(UNSUPPORTED)) {
    const value = own[name] ?? null
    if (value !== null && !neutral.includes(value) && !(Array.isArray(value) && value.length === 0))
      throw new ModelFileError(model, FILE, `asks for ${name}, which this version cannot do`)
  }
  const number = (name: string, fallback: number): number => {
    const value = own[name] ?? fallback
    if (typeof value !== 'number' || !Number.isFinite(value))
      throw new ModelFileError(model, FILE, `has a ${name} that is no number`)
    return value
  }
  const flag = (name: string): boolean => {
    const value = own[name] ?? false
    if (typeof value !== 'boolean')
      throw new ModelFileError(model, FILE, `has a ${name} that is neither true nor false`)
    return value
  }
  const endIds = tokenIds(model, own.eos_token_id ?? config.eos_token_id)
  const minP = given.min_p ?? (own.min_p === undefined || own.min_p === null ? undefined : number('min_p', 0))
  const settings: GenerationSettings = {
    maxNewTokens: given.max_new_tokens ?? DEFAULTS.maxNewTokens,
    doSample: given.do_sample ?? flag('do_sample'),
    beams: given.num_beams ?? number('num_beams', 1),
    sequences: given.num_return_sequences ?? 1,
    temperature: given.temperature ?? number('temperature', 1),
    topK: given.top_k ?? number('top_k', DEFAULTS.topK),
    topP: given.top_p ?? number('top_p', 1),
    minP,
    typicalP: given.typical_p ?? number('typical_p', 1),
    repetitionPenalty: given.repetition_penalty ?? number('repetition_penalty', 1),
    stopStrings: given.stop_strings ?? stopStrings(model, own.stop_strings),
    endIds,
    paddingId: tokenIds(model, own.pad_token_id ?? config.pad_token_id)[0] ?? endIds[0] ?? 0,
    lengthPenalty: number('length_penalty', 1),
    earlyStopping: own.early_stopping === 'never' ? 'never' : flag('early_stopping'),
  }
  requireSound(settings)
  return settings
}

/** The original refuses these, too; what is only wrong while sampling is not looked at otherwise. */
function requireSound({ doSample, beams, sequences, temperature, typicalP }: GenerationSettings): void {
  if (doSample && !(temperature > 0))
    throw refused(
      'temperature',
      `is ${temperature}, must be above 0 while sampling`,
      'Give a higher one, or do_sample false.',
    )
  if (doSample && !(typicalP > 0))
    throw refused('typical_p', `is ${typicalP}, must be above 0 while sampling`, 'Give a value above 0, or 1 for none.')
  if (beams > 1 && sequences > beams)
    throw refused(
      'num_return_sequences',
      `is ${sequences}, must not be more than num_beams (${beams})`,
      'Ask for fewer.',
    )
  if (beams === 1 && !doSample && sequences > 1)
    throw refused(
      'num_return_sequences',
      `is ${sequences}, but without sampling or beams there is one answer`,
      'Set do_sample or num_beams.',
    )
}

const refused = (name: string, complaint: string, remedy: string) =>
  new ModelInputError(`generation_config.${name}`, complaint, remedy)

function tokenIds(model: ModelFolder, value: unknown): number[] {
  const ids = value === undefined || value === null ? [] : Array.isArray(value) ? value : [value]
  if (!ids.every((id) => Number.isInteger(id) && id >= 0))
    throw new ModelFileError(model, FILE, 'names end or padding tokens that are no token numbers')
  return ids
}

function stopStrings(model: ModelFolder, value: unknown): string[] {
  const texts = value === undefined || value === null ? [] : Array.isArray(value) ? value : [value]
  if (!texts.every((text) => typeof text === 'string' && text !== ''))
    throw new ModelFileError(model, FILE, 'has stop_strings that are no texts')
  return texts
}
