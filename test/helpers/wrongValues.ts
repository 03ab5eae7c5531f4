/** The part of JSON Schema that the schemas of task arguments use. */
export type JsonSchema = {
  type?: string
  properties?: Record<string, JsonSchema>
  required?: string[]
  additionalProperties?: JsonSchema | boolean
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
  enum?: unknown[]
  const?: unknown
  minimum?: number
  maximum?: number
  multipleOf?: number
  minLength?: number
  maxLength?: number
  pattern?: string
  items?: JsonSchema
  minItems?: number
  maxItems?: number
  $ref?: string
}

/** An input that breaks a schema in one place. */
export type WrongInput = { path: string; why: string; input: unknown }

type Place = { path: string; build(value: unknown): unknown }

/** Every way in which one field of an input can break the schema: type, range, length, choice, unknown or missing names. */
export function* wrongInputs(
  schema: JsonSchema,
  { path, build }: Place = { path: '', build: (value) => value },
): Generator<WrongInput> {
  const wrong = (why: string, value: unknown): WrongInput => ({ path, why, input: build(value) })
  const members = membersOf(schema)
  const types = new Set(members.map(typeOf))
  for (const value of [null, true, 7.25, 'wrong', [[]], { zzzz: 1 }]) {
    if (path !== '' && !types.has(jsonType(value))) yield wrong(`is ${JSON.stringify(value)}`, value)
  }
  const inside = (name: string | number): string => (path === '' ? String(name) : `${path}.${name}`)
  const literals = members.flatMap((member) => (member.const === undefined ? [] : [member.const]))
  if (literals.length > 0 && typeof literals[0] === 'number') yield wrong('is another number', 5)

  for (const member of members) {
    switch (typeOf(member)) {
      case 'number':
        if (member.const !== undefined) break
        for (const [value, why] of numbersOutside(member)) yield wrong(why, value)
        break
      case 'string':
        if (member.enum) yield wrong('is no choice', 'zzzz')
        if (member.pattern) yield wrong('has another form', 'zzzz')
        if (member.minLength) yield wrong('is empty', '')
        if (member.maxLength) yield wrong('is too long', `${sampleOf(member)}${'a'.repeat(member.maxLength)}`)
        break
      case 'array':
        if (member.minItems) yield wrong('is empty', [])
        if (member.maxItems && member.items)
          yield wrong('is too long', Array(member.maxItems + 1).fill(sampleOf(member.items)))
        if (member.items) yield* wrongInputs(member.items, { path: inside(0), build: (value) => build([value]) })
        break
      case 'object': {
        const sample = sampleOf(member) as Record<string, unknown>
        if (typeof member.additionalProperties === 'object') {
          if (!member.additionalProperties.$ref) {
            const at = { path: inside('zzzz'), build: (value: unknown) => build({ zzzz: value }) }
            yield* wrongInputs(member.additionalProperties, at)
          }
          break
        }
        yield { path: inside('zzzz'), why: 'is not known', input: build({ ...sample, zzzz: 1 }) }
        for (const name of member.required ?? []) {
          const { [name]: _left, ...others } = sample
          yield { path: inside(name), why: 'is missing', input: build(others) }
        }
        for (const [name, property] of Object.entries(member.properties ?? {})) {
          // The name of a union's member decides which member it is.
          if (typeof property.const === 'string') continue
          yield* wrongInputs(property, {
            path: inside(name),
            build: (value) => build({ ...sample, [name]: value }),
          })
        }
      }
    }
  }
}

function* numbersOutside({ type, minimum, maximum, multipleOf }: JsonSchema): Generator<[number, string]> {
  const step = multipleOf ?? (type === 'integer' ? 1 : 0.001)
  if (minimum !== undefined) yield [minimum - step, 'is too small']
  if (maximum !== undefined) yield [maximum + step, 'is too large']
  if (type === 'integer' && minimum !== undefined) yield [minimum + step / 2, 'lies between the steps']
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, -Number.MAX_VALUE]) yield [value, `is ${value}`]
}

/** The least value that a schema accepts. */
export function sampleOf(schema: JsonSchema): unknown {
  const [member = {}] = membersOf(schema)
  if (member.const !== undefined) return member.const
  if (member.enum) return member.enum[0]
  if (member.pattern) return 'data:image/png;base64,AAAA'
  switch (typeOf(member)) {
    case 'number':
      return member.minimum ?? 0
    case 'boolean':
      return true
    case 'array':
      return member.minItems && member.items ? [sampleOf(member.items)] : []
    case 'object':
      return Object.fromEntries(
        (member.required ?? []).map((name) => [name, sampleOf(member.properties?.[name] ?? {})]),
      )
    default:
      return 'a'
  }
}

/** What a schema may be, with unions taken apart. */
function membersOf(schema: JsonSchema): JsonSchema[] {
  const union = schema.anyOf ?? schema.oneOf
  return union ? union.flatMap(membersOf) : [schema]
}

const typeOf = ({ type = 'any' }: JsonSchema): string => (type === 'integer' ? 'number' : type)

const jsonType = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value)
