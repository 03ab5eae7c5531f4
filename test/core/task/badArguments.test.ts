import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  imageArgumentsSchema,
  MAXIMUM_TEXT_BYTES,
  parseTaskArguments,
  textArgumentsSchema,
} from '../../../src/core/task/arguments.js'
import { type JsonSchema, sampleOf, wrongInputs } from '../../helpers/wrongValues.js'

// Derived from the schemas, so that no field is forgotten.
const SCHEMAS = { image: imageArgumentsSchema, text: textArgumentsSchema }
const jsonSchema = (kind: keyof typeof SCHEMAS) => z.toJSONSchema(SCHEMAS[kind], { io: 'input' }) as JsonSchema

/** How a refusal looks: the field that is wrong, in one line, with a remedy and exit status 2. */
function refusalOf(input: unknown): { field?: unknown; fault?: string } {
  try {
    parseTaskArguments(input)
    return { fault: 'accepted' }
  } catch (error) {
    const { code, exitCode, message, remedy, details } = error as Record<string, unknown> & {
      message: string
      details: { field?: string }
    }
    const named = /^field (\S+) (?:is|has) /.exec(message)?.[1]
    if (code !== 'CRYNUX_INVALID_ARGUMENTS' || exitCode !== 2) return { fault: `ends with ${code}: ${message}` }
    if (/[\r\n]/.test(message) || message.length > 600) return { fault: `is not one short line: ${message}` }
    if (typeof remedy !== 'string' || remedy === '') return { fault: 'has no remedy' }
    if (named === undefined || named !== details.field) return { fault: `names no field: ${message}` }
    return { field: named }
  }
}

describe.each(['image', 'text'] as const)('%s arguments that break the schema', (kind) => {
  const schema = jsonSchema(kind)

  test('the least that the schema wants is accepted', () => {
    expect(parseTaskArguments(sampleOf(schema)).kind).toBe(kind)
  })

  test('each field out of range, of a wrong type, unknown or missing is refused by its name', () => {
    const all = [...wrongInputs(schema)].filter(
      // Without `messages` it is an image task.
      ({ path, why }) => !(kind === 'text' && path === 'messages' && why === 'is missing'),
    )
    expect(all.length).toBeGreaterThan(kind === 'image' ? 900 : 150)
    const failures = all.flatMap(({ path, why, input }) => {
      const { field, fault } = refusalOf(input)
      return field === path ? [] : [`${path} ${why}: ${fault ?? `named ${field}`}`]
    })
    expect(failures).toEqual([])
  })
})

test.each<[string, unknown]>([
  ['scheduler.method', { base_model: 'a', prompt: 'a', scheduler: { method: 'Heun' } }],
  ['scheduler.method', { base_model: 'a', prompt: 'a', scheduler: {} }],
  ['prompt', { base_model: 'a', prompt: 'x'.repeat(MAXIMUM_TEXT_BYTES + 1) }],
  ['prompt', { base_model: 'a', prompt: '€'.repeat(MAXIMUM_TEXT_BYTES / 3 + 1) }],
  ['prompt', { base_model: 'a', prompt: ' \n' }],
  ['negative_prompt', { base_model: 'a', prompt: 'a', negative_prompt: 'x'.repeat(MAXIMUM_TEXT_BYTES + 1) }],
  ['messages.0.content', { model: 'a', messages: [{ role: 'user', content: 'x'.repeat(MAXIMUM_TEXT_BYTES + 1) }] }],
])('refused by its name: %s', (field, input) => {
  expect(refusalOf(input)).toEqual({ field })
})
