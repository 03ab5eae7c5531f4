import { z } from 'zod'
import { CrynuxError, type CrynuxErrorOptions, EXIT } from '../../base/errors.js'
import { checkPlainJson } from './checkPlainJson.js'
import { nearestName } from './nearestName.js'

// Names, types, ranges and defaults follow the network's public schemas (docs/task-arguments.md); what they leave open is bounded here,
// because arguments come from strangers.

/** Longest prompt, negative prompt or message, in bytes of UTF-8. */
export const MAXIMUM_TEXT_BYTES = 16 * 1024
/** Longest picture given inside the arguments, in characters of its data URL. */
const MAXIMUM_DATA_URL_LENGTH = 12 * 1024 * 1024

const integer = (low: number, high: number) => {
  const error = `must be a whole number ${low}…${high}`
  return z.number({ error }).int({ error }).min(low, { error }).max(high, { error })
}
const real = (low: number, high: number) => {
  const error = `must be a number ${low}…${high}`
  return z.number({ error }).min(low, { error }).max(high, { error })
}
const flag = () => z.boolean({ error: 'must be true or false' })
const oneOf = <const T extends readonly [string, ...string[]]>(names: T) =>
  z.enum(names, { error: `must be one of ${names.join(', ')}` })
const fitsText = (text: string) => Buffer.byteLength(text) <= MAXIMUM_TEXT_BYTES
const text = (error = `must be a text of at most ${MAXIMUM_TEXT_BYTES} bytes`) =>
  z.string({ error }).refine(fitsText, { error })
const promptText = () =>
  text(`must be a text that is not empty, at most ${MAXIMUM_TEXT_BYTES} bytes`).refine((value) => value.trim() !== '', {
    error: `must be a text that is not empty, at most ${MAXIMUM_TEXT_BYTES} bytes`,
  })
const modelId = () => {
  const error = "must be a model id such as 'owner/name', at most 512 characters"
  return z.string({ error }).min(1, { error }).max(512, { error })
}
const optionalModelId = () =>
  z
    .string({ error: 'must be a model id or ""' })
    .max(512, { error: 'must be a model id or "", at most 512 characters' })
    .default('')
const variant = () =>
  z.string({ error: 'must be a text' }).max(64, { error: 'must be at most 64 characters' }).nullish()
const group = <T extends z.ZodRawShape>(shape: T) => z.strictObject(shape, { error: 'must be an object' })

const modelReference = z.union([modelId(), group({ name: modelId(), variant: variant() })], {
  error: 'must be a model id, or an object {name, variant}',
})

const taskConfig = group({
  image_width: integer(64, 2048).multipleOf(8, { error: 'must be a multiple of 8 in 64…2048' }).default(512),
  image_height: integer(64, 2048).multipleOf(8, { error: 'must be a multiple of 8 in 64…2048' }).default(512),
  steps: integer(1, 100).default(1),
  seed: integer(0, 2 ** 31 - 1).default(0),
  num_images: integer(1, 10).default(6),
  safety_checker: flag().default(true),
  cfg: real(0, 20).default(5),
})

const spacingArguments = {
  num_train_timesteps: integer(1, 100_000).optional(),
  beta_start: real(0, 1).optional(),
  beta_end: real(0, 1).optional(),
  beta_schedule: oneOf(['linear', 'scaled_linear', 'squaredcos_cap_v2']).optional(),
  prediction_type: oneOf(['epsilon', 'sample', 'v_prediction']).optional(),
  timestep_spacing: oneOf(['linspace', 'leading', 'trailing']).optional(),
  steps_offset: integer(0, 1000).optional(),
}
const commonSchedulerArguments = { ...spacingArguments, rescale_betas_zero_snr: flag().optional() }
const thresholdingArguments = {
  thresholding: flag().optional(),
  dynamic_thresholding_ratio: real(0, 1).optional(),
  sample_max_value: real(0, 1e6).optional(),
}
const clippingArguments = {
  clip_sample: flag().optional(),
  clip_sample_range: real(0, 1e6).optional(),
  set_alpha_to_one: flag().optional(),
}
const levelArguments = {
  use_karras_sigmas: flag().optional(),
  use_exponential_sigmas: flag().optional(),
  final_sigmas_type: oneOf(['zero', 'sigma_min']).optional(),
}
const scheduler = z.discriminatedUnion(
  'method',
  [
    group({
      method: z.literal('DPMSolverMultistepScheduler'),
      args: group({
        ...commonSchedulerArguments,
        ...thresholdingArguments,
        solver_order: integer(1, 3).optional(),
        algorithm_type: oneOf(['dpmsolver', 'dpmsolver++', 'sde-dpmsolver', 'sde-dpmsolver++']).optional(),
        solver_type: oneOf(['midpoint', 'heun']).optional(),
        lower_order_final: flag().optional(),
        euler_at_final: flag().optional(),
        use_karras_sigmas: flag().optional(),
        use_lu_lambdas: flag().optional(),
        final_sigmas_type: oneOf(['zero', 'sigma_min']).optional(),
        lambda_min_clipped: real(-1e6, 0).optional(),
        variance_type: oneOf(['learned', 'learned_range']).nullish(),
      }).prefault({}),
    }),
    group({ method: z.literal('EulerAncestralDiscreteScheduler'), args: group(commonSchedulerArguments).prefault({}) }),
    group({
      method: z.literal('LCMScheduler'),
      args: group({
        ...commonSchedulerArguments,
        ...thresholdingArguments,
        ...clippingArguments,
        original_inference_steps: integer(1, 1000).optional(),
        timestep_scaling: real(0, 1e6).optional(),
      }).prefault({}),
    }),
    group({
      method: z.literal('DDIMScheduler'),
      args: group({
        ...commonSchedulerArguments,
        ...thresholdingArguments,
        ...clippingArguments,
        eta: real(0, 1).optional(),
      }).prefault({}),
    }),
    group({
      method: z.literal('EulerDiscreteScheduler'),
      args: group({
        ...commonSchedulerArguments,
        ...levelArguments,
        interpolation_type: oneOf(['linear', 'log_linear']).optional(),
        timestep_type: oneOf(['discrete', 'continuous']).optional(),
        sigma_min: real(0, 1e6).nullish(),
        sigma_max: real(0, 1e6).nullish(),
      }).prefault({}),
    }),
    group({
      method: z.literal('PNDMScheduler'),
      args: group({
        ...spacingArguments,
        skip_prk_steps: flag().optional(),
        set_alpha_to_one: flag().optional(),
      }).prefault({}),
    }),
    group({
      method: z.literal('UniPCMultistepScheduler'),
      args: group({
        ...commonSchedulerArguments,
        ...thresholdingArguments,
        ...levelArguments,
        solver_order: integer(1, 3).optional(),
        solver_type: oneOf(['bh1', 'bh2']).optional(),
        predict_x0: flag().optional(),
        lower_order_final: flag().optional(),
        disable_corrector: z
          .array(integer(0, 99), { error: 'must be a list of step numbers, 0 for the first' })
          .max(100, { error: 'must be at most 100 step numbers' })
          .optional(),
      }).prefault({}),
    }),
  ],
  {
    error:
      'must be one of DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler, LCMScheduler, DDIMScheduler, EulerDiscreteScheduler, PNDMScheduler, UniPCMultistepScheduler',
  },
)

const preprocessMethods = [
  'canny',
  'scribble_hed',
  'scribble_hedsafe',
  'softedge_hed',
  'softedge_hedsafe',
  'depth_midas',
  'mlsd',
  'openpose',
  'openpose_face',
  'openpose_faceonly',
  'openpose_full',
  'openpose_hand',
  'dwpose',
  'scribble_pidinet',
  'scribble_pidsafe',
  'scribble_pidisafe',
  'softedge_pidinet',
  'softedge_pidsafe',
  'softedge_pidisafe',
  'normal_bae',
  'lineart_coarse',
  'lineart_realistic',
  'lineart_anime',
  'depth_zoe',
  'depth_leres',
  'depth_leres++',
  'shuffle',
  'mediapipe_face',
] as const
/** The largest value of each argument of the methods that are computed here; the least is 1. */
const PREPROCESS_ARGUMENTS = new Map<string, Readonly<Record<string, number>>>([
  ['canny', { low_threshold: 255, high_threshold: 255 }],
  ['shuffle', { h: 4096, w: 4096, f: 4096 }],
])
const preprocess = group({
  method: oneOf(preprocessMethods),
  // The arguments of the other methods are numbers and switches of models that are not carried yet.
  args: z
    .record(z.string().max(64), z.union([real(-1e6, 1e6), z.boolean()]), { error: 'must be an object of numbers' })
    .prefault({}),
}).superRefine(({ method, args }, context) => {
  const known = PREPROCESS_ARGUMENTS.get(method)
  if (!known) return
  for (const name of Object.keys(args)) {
    const value = args[name]
    const most = Object.hasOwn(known, name) ? (known[name] ?? 0) : undefined
    if (most === undefined) {
      const message = Object.keys(known).join(' ')
      context.addIssue({ code: 'unrecognized_keys', keys: [name], path: ['args'], input: args, message })
    } else if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > most) {
      const message = `must be a whole number 1…${most}`
      context.addIssue({ code: 'custom', path: ['args', name], input: value, message })
    }
  }
})

/** Arguments of an image task, with the network's defaults filled in by parsing. */
export const imageArgumentsSchema = group({
  version: oneOf(['1.0.0', '2.0.0', '2.1.0', '2.5.0', '3.0.0']).default('2.5.0'),
  base_model: modelReference,
  dtype: oneOf(['float16', 'bfloat16', 'float32', 'auto']).default('auto'),
  unet: optionalModelId(),
  prompt: promptText(),
  negative_prompt: text().default(''),
  task_config: taskConfig.prefault({}),
  lora: group({
    model: modelId(),
    weight_file_name: z
      .string({ error: 'must be a file name or ""' })
      .max(255, { error: 'must be at most 255 characters' })
      .default(''),
    weight: integer(1, 100).default(100),
  })
    .nullable()
    .default(null),
  controlnet: group({
    model: modelId(),
    variant: variant(),
    image_dataurl: z
      .string({ error: 'must be a data URL' })
      .max(MAXIMUM_DATA_URL_LENGTH, { error: 'must be a smaller picture' })
      .regex(/^data:image\/(?:png|jpeg|webp);base64,/, { error: 'must be a data URL of a PNG, JPEG or WebP picture' }),
    weight: integer(1, 100).default(70),
    preprocess: preprocess.nullish(),
  })
    .nullable()
    .default(null),
  scheduler: scheduler.prefault({ method: 'DPMSolverMultistepScheduler' }),
  vae: optionalModelId(),
  refiner: group({
    model: modelId(),
    variant: variant(),
    denoising_cutoff: integer(1, 100).default(80),
    steps: integer(1, 100).default(20),
  })
    .nullable()
    .default(null),
  textual_inversion: optionalModelId(),
})

/** Arguments of an image task (Stable Diffusion); field names are those of the wire. */
export type ImageTaskArguments = z.output<typeof imageArgumentsSchema>

const jsonObject = (error: string) => z.record(z.string().max(256), z.json(), { error })

/** Arguments of a text task, with the network's defaults filled in by parsing. */
export const textArgumentsSchema = group({
  model: modelId(),
  messages: z
    .array(
      group({
        role: oneOf(['system', 'user', 'assistant', 'tool']),
        content: z
          .union(
            [text(), z.array(jsonObject('must be a content part'), { error: 'must be a list of content parts' })],
            {
              error: `must be a text of at most ${MAXIMUM_TEXT_BYTES} bytes, or a list of content parts`,
            },
          )
          .nullish(),
        tool_calls: z.array(jsonObject('must be a tool call'), { error: 'must be a list of tool calls' }).nullish(),
        tool_call_id: z
          .string({ error: 'must be a text' })
          .max(256, { error: 'must be at most 256 characters' })
          .nullish(),
      }),
      { error: 'must be a list of messages {role, content}' },
    )
    .min(1, { error: 'must be a list of at least one message {role, content}' })
    .max(1000, { error: 'must be at most 1000 messages' }),
  tools: z.array(jsonObject('must be a JSON-schema tool'), { error: 'must be a list of JSON-schema tools' }).nullish(),
  generation_config: group({
    max_new_tokens: integer(1, 32_768).optional(),
    stop_strings: z
      .array(
        z
          .string({ error: 'must be a text' })
          .min(1, { error: 'must be a text that is not empty' })
          .max(256, { error: 'must be at most 256 characters' }),
        { error: 'must be a list of texts' },
      )
      .max(16, { error: 'must be at most 16 texts' })
      .nullish(),
    do_sample: flag().optional(),
    num_beams: integer(1, 16).optional(),
    temperature: real(0, 100).nullish(),
    typical_p: real(0, 1).nullish(),
    top_k: integer(0, 1_000_000).nullish(),
    top_p: real(0, 1).nullish(),
    min_p: real(0, 1).nullish(),
    repetition_penalty: real(0.01, 100).nullish(),
    num_return_sequences: integer(1, 16).optional(),
  }).nullish(),
  template_args: jsonObject('must be an object for the chat template').nullish(),
  seed: integer(0, 2 ** 31 - 1).default(0),
  dtype: oneOf(['float16', 'bfloat16', 'float32', 'auto']).default('auto'),
  quantize_bits: z
    .union([z.literal(4), z.literal(8)], { error: 'must be null, 4 or 8' })
    .nullable()
    .default(null),
})

/** Arguments of a text task (chat); field names are those of the wire. */
export type TextTaskArguments = z.output<typeof textArgumentsSchema>

/** Arguments of either kind, told apart as the wire does: text tasks have `messages`. */
export type TaskArguments =
  | { kind: 'image'; arguments: ImageTaskArguments }
  | { kind: 'text'; arguments: TextTaskArguments }

/**
 * Checks the arguments of an image task and fills in the defaults. Parsing its own result gives an equal value.
 *
 * @throws InvalidArgumentsError naming the first wrong field, its value and what it must be.
 */
export const parseImageArguments = (input: unknown): ImageTaskArguments => parse(imageArgumentsSchema, input)

/**
 * Checks the arguments of a text task and fills in the defaults. Parsing its own result gives an equal value.
 *
 * @throws InvalidArgumentsError naming the first wrong field, its value and what it must be.
 */
export const parseTextArguments = (input: unknown): TextTaskArguments => parse(textArgumentsSchema, input)

/**
 * Checks task arguments of either kind: those with `messages` are a text task, all others an image task.
 *
 * @throws InvalidArgumentsError naming the first wrong field, its value and what it must be.
 */
export function parseTaskArguments(input: unknown): TaskArguments {
  const isText = typeof input === 'object' && input !== null && Object.hasOwn(input, 'messages')
  return isText
    ? { kind: 'text', arguments: parseTextArguments(input) }
    : { kind: 'image', arguments: parseImageArguments(input) }
}

function parse<Schema extends z.ZodObject>(schema: Schema, input: unknown): z.output<Schema> {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new InvalidArgumentsError('the arguments are not a JSON object', { remedy: REMEDY })
  }
  const problem = checkPlainJson(input)
  if (problem) {
    const { path: field, complaint } = problem
    throw new InvalidArgumentsError(`field ${field} ${complaint}`, { remedy: REMEDY, details: { field } })
  }
  const result = schema.safeParse(input)
  if (result.success) return result.data
  throw toError(schema, input, result.error.issues)
}

const REMEDY = 'Correct this field; the fields, their limits and defaults are listed in docs/task-arguments.md.'

function toError(schema: z.ZodObject, input: object, issues: readonly z.core.$ZodIssue[]): InvalidArgumentsError {
  // A misspelt name explains a missing field, so unknown names are reported first.
  const flat = issues.map(deepest)
  const issue = flat.find(({ code }) => code === 'unrecognized_keys') ?? flat[0]
  if (!issue) return new InvalidArgumentsError('the arguments are not valid', { remedy: REMEDY })
  const path = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') {
    const name = issue.keys[0] ?? ''
    const siblings = knownFields(schema, path, input)
    // A name that another branch of the union knows is wrong here all the same, and its own name is no help.
    const others = (siblings.length > 0 ? siblings : issue.message.split(' ')).filter((sibling) => sibling !== name)
    const near = nearestName(name, others)
    // What stands at the same place is a field of another member of a union.
    const nested = [...(near === undefined ? nestedFields(schema) : [])].filter(
      ([key, full]) => full !== [...path, key].join('.'),
    )
    const elsewhere = new Map(nested).get(
      nearestName(
        name,
        nested.map(([key]) => key),
      ) ?? '',
    )
    const field = [...path, shorten(name)].join('.')
    const hint = near ? `; did you mean ${[...path, near].join('.')}?` : elsewhere ? `; did you mean ${elsewhere}?` : ''
    return new InvalidArgumentsError(`field ${field} is not known${hint}`, { remedy: REMEDY, details: { field } })
  }
  const field = path.join('.') || 'arguments'
  const value = valueAt(input, path)
  const state = value === undefined ? 'is missing' : `is ${describe(field, value)}`
  return new InvalidArgumentsError(`field ${field} ${state}, ${issue.message}`, { remedy: REMEDY, details: { field } })
}

/** Of a union's branches, the complaint of the one that came furthest: its path says where the user is wrong. */
function deepest(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union') return issue
  const inner = issue.errors.flat().map(deepest)
  const best = inner.find(({ code }) => code === 'unrecognized_keys') ?? inner.find(({ path }) => path.length > 0)
  // A discriminated union knows its wrong member by name and has no inner errors.
  return best ? { ...best, path: [...issue.path, ...best.path] } : issue
}

/** Values are shown, except those that may hold what the user wrote in confidence. */
function describe(field: string, value: unknown): string {
  if (typeof value === 'string') {
    if (/prompt|messages|image_dataurl|stop_strings|template_args|tools/.test(field))
      return value.trim() === '' ? 'empty' : `${Buffer.byteLength(value)} bytes long`
    // The query of a model's URL may hold a key.
    return `'${shorten(value.replace(/^(https?:[^?#]*)[?#].*$/is, '$1?…'))}'`
  }
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  return String(value)
}

const shorten = (value: string): string =>
  (value.length > 60 ? `${value.slice(0, 57)}…` : value).replaceAll(/[\p{Cc}\p{Cf}]/gu, '?')

function valueAt(input: unknown, path: readonly string[]): unknown {
  let value = input
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Record<string, unknown>)[key]
  }
  return value
}

/**
 * The object schemas that a schema may stand for, with wrappers such as defaults and unions taken off.
 *
 * @param value what was given for it; where that says which member of a union is meant, only that one
 */
function objectsOf(schema: z.core.$ZodType, value?: unknown): z.ZodObject[] {
  if (schema instanceof z.ZodObject) return [schema]
  if (schema instanceof z.ZodUnion) {
    const objects = schema.options.flatMap((option) => objectsOf(option))
    if (!(schema instanceof z.ZodDiscriminatedUnion)) return objects
    const key = schema.def.discriminator
    const meant = objects.filter(({ shape }) => z.safeParse(shape[key] as z.ZodType, valueAt(value, [key])).success)
    return meant.length > 0 ? meant : objects
  }
  if (
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodOptional
  ) {
    return objectsOf(schema.def.innerType, value)
  }
  if (schema instanceof z.ZodArray) return objectsOf(schema.element)
  return []
}

function knownFields(schema: z.ZodObject, path: readonly string[], input: unknown): string[] {
  let objects: z.ZodObject[] = [schema]
  for (const [depth, key] of path.entries()) {
    if (/^\d+$/.test(key)) continue
    const value = valueAt(input, path.slice(0, depth + 1))
    objects = objects.flatMap((object) => (object.shape[key] ? objectsOf(object.shape[key], value) : []))
  }
  return objects.flatMap((object) => Object.keys(object.shape))
}

/** Every field below the top level: its own name → its full path, e.g. `steps` → `task_config.steps`; the first of a name counts. */
function nestedFields(schema: z.ZodObject, prefix = '', found = new Map<string, string>()): Map<string, string> {
  for (const [key, inner] of Object.entries(schema.shape)) {
    if (prefix !== '' && !found.has(key)) found.set(key, `${prefix}${key}`)
    for (const object of objectsOf(inner)) nestedFields(object, `${prefix}${key}.`, found)
  }
  return found
}

/** The arguments of a task break the schema; a node votes InvalidArguments for them. */
export class InvalidArgumentsError extends CrynuxError {
  override readonly code = 'CRYNUX_INVALID_ARGUMENTS'
  override readonly exitCode = EXIT.usage

  // Written out so that the message is one line wherever it comes from.
  constructor(message: string, options: CrynuxErrorOptions) {
    super(message.replaceAll(/\s+/g, ' '), options)
  }
}
