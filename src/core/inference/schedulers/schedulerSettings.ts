import { InvalidInputError } from '../../../base/errors.js'
import { BETA_SCHEDULES, type TrainingNoise } from './trainingNoise.js'

/** What every scheduler is made of. */
export type SchedulerOptions = {
  /** The contents of the model's `scheduler_config.json`. */
  modelConfig: Record<string, unknown>
  /** The task's arguments, which override it. */
  args: Record<string, unknown>
  /** How many steps are asked for. */
  steps: number
}

/** One setting of a scheduler: its default in the original's class, and what is a sound value. */
export type Setting<Value> = {
  default: Value
  /** What a value must be, in words. */
  expected: string
  accepts(value: unknown): boolean
}

export type SettingsTable = Record<string, Setting<unknown>>
export type SettingsOf<Table extends SettingsTable> = {
  [Name in keyof Table]: Table[Name] extends Setting<infer Value> ? Value : never
}

export function integer(defaultValue: number, minimum: number, maximum: number): Setting<number> {
  return {
    default: defaultValue,
    expected: `an integer from ${minimum} to ${maximum}`,
    accepts: (value) => Number.isInteger(value) && (value as number) >= minimum && (value as number) <= maximum,
  }
}

export function real(defaultValue: number, minimum: number, maximum: number): Setting<number> {
  return {
    default: defaultValue,
    expected: `a number from ${minimum} to ${maximum}`,
    accepts: (value) => typeof value === 'number' && value >= minimum && value <= maximum,
  }
}

export function flag(defaultValue: boolean): Setting<boolean> {
  return { default: defaultValue, expected: 'true or false', accepts: (value) => typeof value === 'boolean' }
}

export function choice<const Values extends readonly (string | null)[]>(
  defaultValue: Values[number],
  values: Values,
): Setting<Values[number]> {
  return {
    default: defaultValue,
    expected: `one of ${values.join(', ')}`,
    accepts: (value) => (values as readonly unknown[]).includes(value),
  }
}

/** A number that may be left out. */
export function optionalReal(minimum: number, maximum: number): Setting<number | null> {
  const { expected, accepts } = real(0, minimum, maximum)
  return { default: null, expected: `null, or ${expected}`, accepts: (value) => value === null || accepts(value) }
}

/** A switch of the original that has no implementation here. */
export function alwaysOff(): Setting<false> {
  return {
    default: false,
    expected: 'false: this kind of schedule is not supported',
    accepts: (value) => value === false,
  }
}

/** A text that is read but not used. */
export function freeText(defaultValue: string): Setting<string> {
  return { default: defaultValue, expected: 'a text', accepts: (value) => typeof value === 'string' }
}

const MAX_TRAIN_STEPS = 100_000
export const TIMESTEP_SPACINGS = ['linspace', 'leading', 'trailing'] as const

const trainedBetas: Setting<readonly number[] | null> = {
  default: null,
  expected: `null, or 1 to ${MAX_TRAIN_STEPS} numbers`,
  accepts: (value) =>
    value === null ||
    (Array.isArray(value) &&
      value.length > 0 &&
      value.length <= MAX_TRAIN_STEPS &&
      value.every((beta) => typeof beta === 'number')),
}

/** The settings that every scheduler has. */
export const betaSettings = {
  num_train_timesteps: integer(1000, 1, MAX_TRAIN_STEPS),
  beta_start: real(0.0001, 0, 1),
  beta_end: real(0.02, 0, 1),
  beta_schedule: choice('linear', BETA_SCHEDULES),
  trained_betas: trainedBetas,
  steps_offset: integer(0, -MAX_TRAIN_STEPS, MAX_TRAIN_STEPS),
} satisfies SettingsTable

/** The same for those that can also rescale the noise. */
export const noiseSettings = { ...betaSettings, rescale_betas_zero_snr: flag(false) } satisfies SettingsTable

/** The training noise that the settings describe. */
export function trainingNoiseOf(settings: SettingsOf<typeof noiseSettings>): TrainingNoise {
  if (settings.trained_betas && settings.trained_betas.length !== settings.num_train_timesteps) {
    throw new InvalidInputError(
      `trained_betas has ${settings.trained_betas.length} values for ${settings.num_train_timesteps} training steps`,
      { remedy: 'Give as many betas as num_train_timesteps says.' },
    )
  }
  return {
    trainSteps: settings.num_train_timesteps,
    betaStart: settings.beta_start,
    betaEnd: settings.beta_end,
    betaSchedule: settings.beta_schedule,
    trainedBetas: settings.trained_betas,
    rescaleZeroSnr: settings.rescale_betas_zero_snr,
  }
}

/**
 * Merges a model's scheduler configuration and a task's arguments over the defaults of the target scheduler.
 *
 * This is what `TargetScheduler.from_config(model.scheduler.config, **args)` does in diffusers: whatever the
 * configuration does not name has the default of the *target* class, and names that only other schedulers know are
 * ignored, since the configuration was written for another class. An argument, though, must be known.
 *
 * @throws InvalidInputError that names the setting and its value
 */
export function resolveSettings<Table extends SettingsTable>(
  method: string,
  table: Table,
  { modelConfig, args, withoutEffect = [] }: SchedulerOptions & { withoutEffect?: readonly string[] },
): SettingsOf<Table> {
  const settings: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries(table)) {
    // Python configurations write null where a setting was left alone.
    const configured = modelConfig[name] === null ? undefined : modelConfig[name]
    const value = args[name] === undefined ? configured : args[name]
    settings[name] = value === undefined ? setting.default : checked(method, name, setting, value)
  }
  for (const name of Object.keys(args)) {
    if (Object.hasOwn(table, name) || withoutEffect.includes(name)) continue
    throw new InvalidInputError(`Unknown argument "${name}" of ${method}`, {
      remedy: `Use one of ${Object.keys(table).join(', ')}.`,
      details: { argument: name, scheduler: method },
    })
  }
  return settings as SettingsOf<Table>
}

function checked(method: string, name: string, setting: Setting<unknown>, given: unknown): unknown {
  const value = typeof given === 'string' ? infinityOf(given) : given
  if (setting.accepts(value)) return value
  throw refusedSetting(method, name, value, `Give ${setting.expected}.`)
}

/** Python writes infinite numbers into JSON as bare words; readers make strings of them. */
function infinityOf(value: string): string | number {
  if (value === '-Infinity') return Number.NEGATIVE_INFINITY
  if (value === 'Infinity') return Number.POSITIVE_INFINITY
  return value
}

/** The error for a setting that the scheduler cannot work with. */
export function refusedSetting(method: string, name: string, value: unknown, remedy: string): InvalidInputError {
  return new InvalidInputError(`${method} cannot work with ${name} = ${shown(value)}`, {
    remedy,
    details: { argument: name, scheduler: method },
  })
}

/** JSON knows no infinite numbers. */
const shown = (value: unknown): string =>
  typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value))
