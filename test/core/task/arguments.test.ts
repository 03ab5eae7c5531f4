import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SCHEDULER_METHODS } from '../../../src/core/inference/schedulers/createScheduler.js'
import { parseImageArguments, parseTaskArguments, parseTextArguments } from '../../../src/core/task/arguments.js'

const image = (more: object = {}) => ({ base_model: 'embedded:tiny-shapes', prompt: 'a cat', ...more })
const config = (more: object) => image({ task_config: more })
const control = (preprocess: object) =>
  image({ controlnet: { model: 'owner/canny', image_dataurl: 'data:image/png;base64,AAAA', preprocess } })

function refusal(input: unknown): string {
  try {
    parseTaskArguments(input)
  } catch (error) {
    expect(error).toMatchObject({ code: 'CRYNUX_INVALID_ARGUMENTS', exitCode: 2 })
    return (error as Error).message
  }
  return 'accepted'
}

describe('image arguments', () => {
  test("the network's defaults are filled in", () => {
    expect(parseImageArguments(image())).toEqual({
      version: '2.5.0',
      base_model: 'embedded:tiny-shapes',
      dtype: 'auto',
      unet: '',
      prompt: 'a cat',
      negative_prompt: '',
      task_config: {
        image_width: 512,
        image_height: 512,
        steps: 1,
        seed: 0,
        num_images: 6,
        safety_checker: true,
        cfg: 5,
      },
      lora: null,
      controlnet: null,
      scheduler: { method: 'DPMSolverMultistepScheduler', args: {} },
      vae: '',
      refiner: null,
      textual_inversion: '',
    })
    expect(parseImageArguments(image({ lora: { model: 'a/b' }, refiner: { model: 'c/d' } }))).toMatchObject({
      lora: { weight_file_name: '', weight: 100 },
      refiner: { denoising_cutoff: 80, steps: 20 },
    })
  })

  test.each([
    ['steps', 1, 100],
    ['seed', 0, 2 ** 31 - 1],
    ['num_images', 1, 10],
    ['cfg', 0, 20],
    ['image_width', 64, 2048],
    ['image_height', 64, 2048],
  ])('task_config.%s is %d…%d', (field, low, high) => {
    const step = field.startsWith('image') ? 8 : 1
    for (const value of [low, high]) expect(refusal(config({ [field]: value }))).toBe('accepted')
    for (const value of [low - step, high + step, String(low), null, Number.POSITIVE_INFINITY]) {
      expect(refusal(config({ [field]: value }))).toMatch(new RegExp(`^field task_config\\.${field} is .+, must be`))
    }
  })

  test.each<[object, string]>([
    [config({ steps: 0 }), 'field task_config.steps is 0, must be a whole number 1…100'],
    [config({ steps: 2.5 }), 'field task_config.steps is 2.5, must be a whole number 1…100'],
    [config({ image_width: 65 }), 'field task_config.image_width is 65, must be a multiple of 8 in 64…2048'],
    [config({ step: 3 }), 'field task_config.step is not known; did you mean task_config.steps?'],
    [image({ steps: 3 }), 'field steps is not known; did you mean task_config.steps?'],
    [image({ stepz: 3 }), 'field stepz is not known; did you mean task_config.steps?'],
    [image({ promt: 'x' }), 'field promt is not known; did you mean prompt?'],
    [image({ qqqqqqqqqq: 1 }), 'field qqqqqqqqqq is not known'],
    [{ base_model: 'x' }, 'field prompt is missing, must be a text that is not empty, at most 16384 bytes'],
    // The query of a model's URL may hold a key.
    [
      { base_model: 'x', prompt: 'x', vae: `https://m.example/?key=${'k'.repeat(500)}` },
      `field vae is 'https://m.example/?…', must be a model id or "", at most 512 characters`,
    ],
    [image({ prompt: ' ' }), 'field prompt is empty, must be a text that is not empty, at most 16384 bytes'],
    [image({ lora: { model: 'x', wieght: 1 } }), 'field lora.wieght is not known; did you mean lora.weight?'],
    [image({ lora: { model: 'x', weight: 101 } }), 'field lora.weight is 101, must be a whole number 1…100'],
    [image({ base_model: { nam: 'x' } }), 'field base_model.nam is not known; did you mean base_model.name?'],
    [image({ base_model: 3 }), 'field base_model is 3, must be a model id, or an object {name, variant}'],
    [
      image({ scheduler: { method: 'LCM' } }),
      "field scheduler.method is 'LCM', must be one of DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler, LCMScheduler, DDIMScheduler, EulerDiscreteScheduler, PNDMScheduler, UniPCMultistepScheduler",
    ],
    [
      image({ scheduler: { method: 'DPMSolverMultistepScheduler', args: { solver_order: 4 } } }),
      'field scheduler.args.solver_order is 4, must be a whole number 1…3',
    ],
    [
      control({ method: 'canny', args: { low_treshold: 5 } }),
      'field controlnet.preprocess.args.low_treshold is not known; did you mean controlnet.preprocess.args.low_threshold?',
    ],
    [
      control({ method: 'canny', args: { low_threshold: 0 } }),
      'field controlnet.preprocess.args.low_threshold is 0, must be a whole number 1…255',
    ],
    [JSON.parse('{"prompt":"a","__proto__":{"x":1}}'), 'field __proto__ is not allowed'],
  ])('%j', (input, message) => {
    expect(refusal(input)).toBe(message)
  })

  test('an argument of another scheduler is not known', () => {
    const args = { method: 'LCMScheduler', args: { solver_order: 2 } }
    expect(refusal(image({ scheduler: args }))).toMatch(/^field scheduler\.args\.solver_order is not known/)
  })

  test.each([
    ['DDIMScheduler', { clip_samples: true }, 'clip_samples is not known; did you mean scheduler.args.clip_sample?'],
    ['LCMScheduler', { clip_samples: true }, 'clip_samples is not known; did you mean scheduler.args.clip_sample?'],
    ['EulerDiscreteScheduler', { sigma_mim: 1 }, 'sigma_mim is not known; did you mean scheduler.args.sigma_min?'],
    ['DDIMScheduler', { eta: 2 }, 'eta is 2, must be a number 0…1'],
    ['UniPCMultistepScheduler', { solver_type: 'midpoint' }, "solver_type is 'midpoint', must be one of bh1, bh2"],
    [
      'UniPCMultistepScheduler',
      { disable_corrector: [1.5] },
      'disable_corrector.0 is 1.5, must be a whole number 0…99',
    ],
    ['EulerAncestralDiscreteScheduler', { skip_prk_step: true }, 'skip_prk_step is not known'],
  ])('%s with %j', (method, args, message) => {
    expect(refusal(image({ scheduler: { method, args } }))).toBe(`field scheduler.args.${message}`)
  })

  test.each(SCHEDULER_METHODS)('%s may be asked for', (method) => {
    expect(refusal(image({ scheduler: { method } }))).toBe('accepted')
  })

  test('a prompt may have 16 KiB, counted in bytes', () => {
    expect(refusal(image({ prompt: 'é'.repeat(8192) }))).toBe('accepted')
    expect(refusal(image({ prompt: `${'é'.repeat(8192)}x` }))).toMatch(/^field prompt is 16385 bytes long/)
    expect(refusal(image({ negative_prompt: 'x'.repeat(16385) }))).toMatch(/^field negative_prompt is 16385 bytes long/)
  })

  test('nothing that the user wrote in confidence is quoted', () => {
    for (const input of [
      image({ prompt: ['canary'] }),
      image({ negative_prompt: 'canary'.repeat(5000) }),
      image({ controlnet: { model: 'm', image_dataurl: 'canary' } }),
    ]) {
      expect(refusal(input)).not.toContain('canary')
    }
  })

  test('deep nesting and foreign objects end in a refusal', () => {
    let deep: unknown = 1
    for (let level = 0; level < 100_000; level++) deep = [deep]
    expect(refusal(image({ lora: deep }))).toMatch(/is nested deeper than 32 levels$/)
    expect(refusal(image({ lora: new Map() }))).toBe('field lora is not plain JSON data')
    for (const input of [null, 3, 'x', []]) expect(refusal(input)).toBe('the arguments are not a JSON object')
  })

  test('any JSON is either refused, or parsed to what parses to itself', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.constantFrom('task_config', 'scheduler', 'lora', 'base_model', 'controlnet', 'version'),
        (value, field) => {
          const input = image({ [field]: value })
          if (refusal(input) !== 'accepted') return
          const once = parseImageArguments(input)
          expect(parseImageArguments(JSON.parse(JSON.stringify(once)))).toEqual(once)
        },
      ),
    )
  })
})

describe('text arguments', () => {
  const text = (more: object = {}) => ({
    model: 'embedded:tiny-chat',
    messages: [{ role: 'user', content: 'hello' }],
    ...more,
  })

  test('messages make a text task', () => {
    expect(parseTaskArguments(text()).kind).toBe('text')
    expect(parseTaskArguments(image()).kind).toBe('image')
    expect(parseTextArguments(text())).toMatchObject({ seed: 0, dtype: 'auto', quantize_bits: null })
  })

  test.each<[object, string]>([
    [text({ messages: [] }), 'field messages is an empty list, must be a list of at least one message {role, content}'],
    [
      text({ generation_config: { max_new_token: 3 } }),
      'field generation_config.max_new_token is not known; did you mean generation_config.max_new_tokens?',
    ],
    [text({ generation_config: { top_p: 2 } }), 'field generation_config.top_p is 2, must be a number 0…1'],
    [text({ quantize_bits: 5 }), 'field quantize_bits is 5, must be null, 4 or 8'],
    [text({ seed: -1 }), 'field seed is -1, must be a whole number 0…2147483647'],
  ])('%j', (input, message) => {
    expect(refusal(input)).toBe(message)
  })
})
