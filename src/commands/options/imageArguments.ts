import type { Command } from 'commander'
import { InvalidInputError } from '../../base/errors.js'
import type { TaskArguments } from '../../core/task/arguments.js'

/** Model that is used when the command line names none: it is part of the program. */
const DEFAULT_MODEL = 'embedded:tiny-shapes'
/** The same for text. */
const DEFAULT_TEXT_MODEL = 'embedded:tiny-chat'

/** What the flags of {@link addImageArgumentOptions} parse to. */
export type ImageArgumentFlags = {
  arguments?: string
  message?: string
  prompt?: string
  negativePrompt?: string
  model?: string
  steps?: number
  seed?: number
  size?: { width: number; height: number }
  numImages?: number
  cfg?: number
  scheduler?: string
}

/** What a model recommends; see src/models/modelCard.ts. */
type Recommendations = { width?: number; height?: number; steps?: number; cfg?: number; negativePrompt?: string }

/** Adds the flags from which task arguments are made: `--arguments`, `--prompt` and friends, or `--message` for a text task. */
export function addImageArgumentOptions(command: Command): Command {
  return command
    .option('--arguments <file>', 'task arguments as a JSON file, or - for standard input')
    .option('--prompt <text>', 'what the picture should show')
    .option('--message <text>', `what a language model should answer (default model: ${DEFAULT_TEXT_MODEL})`)
    .option('--negative-prompt <text>', 'what it should not show')
    .option('--model <id>', `model to use (default: ${DEFAULT_MODEL})`)
    .option('--steps <number>', 'denoising steps, 1…100', number('--steps'))
    .option('--seed <number>', 'start of the random numbers, 0…2147483647', number('--seed'))
    .option('--size <size>', 'width x height in pixels, e.g. 512x512, or one number for both', size)
    .option('--num-images <number>', 'pictures to make, 1…10 (default: 1)', number('--num-images'))
    .option('--cfg <number>', 'guidance scale, 0…20', number('--cfg'))
    .option('--scheduler <method>', 'for example DPMSolverMultistepScheduler, EulerDiscreteScheduler or LCMScheduler')
}

/**
 * Task arguments from the command line.
 *
 * Size, steps and cfg that the user does not name come from the model's own card, and from the schema where it has none. From
 * flags one picture is made by default; from `--arguments` as many as the schema says.
 *
 * @param readFile reads the file that `--arguments` names; `-` is standard input.
 * @param card what the model recommends; `{}` for an unknown model.
 * @throws InvalidInputError, InvalidArgumentsError
 */
export async function readImageArguments(
  flags: ImageArgumentFlags,
  { readFile, card }: { readFile(path: string): Promise<string>; card(modelId: string): Promise<Recommendations> },
): Promise<TaskArguments> {
  const { arguments: file, ...others } = flags
  if (file !== undefined) {
    const extra = FLAG_NAMES.find(([name]) => others[name] !== undefined)
    if (extra) {
      throw new InvalidInputError(`--arguments and ${extra[1]} are both given`, {
        remedy: `Write the value of ${extra[1]} into the arguments, or leave --arguments away.`,
      })
    }
    // The schema's library is large; commands that only know the flags must not load it.
    const { parseTaskArguments } = await import('../../core/task/arguments.js')
    return parseTaskArguments(await withRecommendations(await parseJson(await readFile(file), file), card))
  }
  if (flags.message !== undefined) return readMessage(flags, flags.message)
  if (flags.prompt === undefined) {
    throw new InvalidInputError('no picture is described', {
      remedy: 'Give --prompt <text>, --message <text> for a text task, or --arguments <file>.',
    })
  }
  const model = flags.model ?? DEFAULT_MODEL
  const recommended = await card(model)
  return namingFlags(flags, {
    base_model: model,
    prompt: flags.prompt,
    negative_prompt: flags.negativePrompt ?? recommended.negativePrompt ?? '',
    task_config: {
      ...given('image_width', flags.size?.width ?? recommended.width),
      ...given('image_height', flags.size?.height ?? recommended.height),
      ...given('steps', flags.steps ?? recommended.steps),
      ...given('cfg', flags.cfg ?? recommended.cfg),
      ...given('seed', flags.seed),
      num_images: flags.numImages ?? 1,
    },
    ...(flags.scheduler === undefined ? {} : { scheduler: { method: flags.scheduler } }),
  })
}

/** A text task of one message; more, and its other fields, are for `--arguments`. */
function readMessage(flags: ImageArgumentFlags, message: string): Promise<TaskArguments> {
  const foreign = FLAG_NAMES.find(([name]) => !['message', 'model', 'seed'].includes(name) && flags[name] !== undefined)
  if (foreign) {
    throw new InvalidInputError(`--message and ${foreign[1]} are both given`, {
      remedy: 'Text tasks take --model and --seed; write other fields into a file for --arguments.',
    })
  }
  return namingFlags(flags, {
    model: flags.model ?? DEFAULT_TEXT_MODEL,
    messages: [{ role: 'user', content: message }],
    ...given('seed', flags.seed),
  })
}

/** Checks arguments that were made from flags; what is wrong with one is said of the flag that the user wrote. */
async function namingFlags(flags: ImageArgumentFlags, input: Record<string, unknown>): Promise<TaskArguments> {
  const { InvalidArgumentsError, parseTaskArguments } = await import('../../core/task/arguments.js')
  try {
    return parseTaskArguments(input)
  } catch (error) {
    if (!(error instanceof InvalidArgumentsError)) throw error
    const found = FIELD_FLAGS.find(([field, name]) => field === error.details.field && flags[name] !== undefined)
    if (!found) throw error
    const [field, , said] = found
    throw new InvalidArgumentsError(error.message.replace(`field ${field} `, `${said} `), {
      remedy: 'Correct it; docs/task-arguments.md lists the limits.',
      details: error.details,
      cause: error,
    })
  }
}

/** Field of the arguments → the flag that sets it, and how a message calls it. */
const FIELD_FLAGS = [
  ['base_model', 'model', '--model'],
  ['prompt', 'prompt', '--prompt'],
  ['model', 'model', '--model'],
  ['seed', 'seed', '--seed'],
  ['messages.0.content', 'message', '--message'],
  ['negative_prompt', 'negativePrompt', '--negative-prompt'],
  ['task_config.steps', 'steps', '--steps'],
  ['task_config.seed', 'seed', '--seed'],
  ['task_config.image_width', 'size', 'the width in --size'],
  ['task_config.image_height', 'size', 'the height in --size'],
  ['task_config.num_images', 'numImages', '--num-images'],
  ['task_config.cfg', 'cfg', '--cfg'],
  ['scheduler.method', 'scheduler', '--scheduler'],
] as const satisfies readonly (readonly [string, keyof ImageArgumentFlags, string])[]

/** Fills in what the model recommends; anything else is for the schema to judge. */
async function withRecommendations(
  input: unknown,
  card: (modelId: string) => Promise<Recommendations>,
): Promise<unknown> {
  if (!isObject(input)) return input
  const model = isObject(input.base_model) ? input.base_model.name : input.base_model
  const config = input.task_config ?? {}
  if (typeof model !== 'string' || !isObject(config)) return input
  const { width, height, steps, cfg } = await card(model)
  const sized = 'image_width' in config || 'image_height' in config
  const recommended = {
    ...(sized ? {} : { ...given('image_width', width), ...given('image_height', height) }),
    ...given('steps', steps),
    ...given('cfg', cfg),
  }
  return { ...input, task_config: { ...recommended, ...config } }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const FLAG_NAMES = [
  ['prompt', '--prompt'],
  ['message', '--message'],
  ['negativePrompt', '--negative-prompt'],
  ['model', '--model'],
  ['steps', '--steps'],
  ['seed', '--seed'],
  ['size', '--size'],
  ['numImages', '--num-images'],
  ['cfg', '--cfg'],
  ['scheduler', '--scheduler'],
] as const

const given = (name: string, value: number | undefined) => (value === undefined ? {} : { [name]: value })

/** A parser of one numeric flag; the schema checks the range. */
const number =
  (flag: string) =>
  (text: string): number => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (Number.isFinite(value)) return value
    throw new InvalidInputError(`${flag} is '${text}', which is not a number`, { remedy: `Give ${flag} a number.` })
  }

function size(text: string): { width: number; height: number } {
  const match = /^(\d{1,5})(?:x(\d{1,5}))?$/i.exec(text.trim())
  if (!match?.[1]) {
    throw new InvalidInputError(`--size is '${text}', which is not a size`, {
      remedy: 'Write it as 512x512, or as 512.',
    })
  }
  return { width: Number(match[1]), height: Number(match[2] ?? match[1]) }
}

async function parseJson(text: string, file: string): Promise<unknown> {
  try {
    // Some editors and shells begin a file with a byte order mark.
    return JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (cause) {
    const { InvalidArgumentsError } = await import('../../core/task/arguments.js')
    // The parser's own message quotes the text, and with it a prompt.
    throw new InvalidArgumentsError(`${file === '-' ? 'standard input' : `'${file}'`} is not JSON`, {
      remedy: 'Give one JSON object with the task arguments; docs/task-arguments.md lists the fields.',
      cause,
    })
  }
}
