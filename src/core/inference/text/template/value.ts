/**
 * A value inside a chat template. Templates are written for Python, so values behave as Python's: dictionaries are Maps (no names are
 * inherited), whole numbers are JavaScript numbers, and `undefined` is Jinja's undefined.
 */
export type Value =
  | undefined
  | null
  | boolean
  | number
  | string
  | PythonFloat
  | Value[]
  | Map<string, Value>
  | Namespace
  | TemplateFunction

/** What a template can call. */
export type TemplateFunction = (args: readonly Value[], named: ReadonlyMap<string, Value>) => Value

/** A number that Python prints with a decimal point, although its value is whole: `1.0`. */
export class PythonFloat {
  constructor(readonly value: number) {}
}

/** A list that Python prints with round brackets. */
export class Tuple extends Array<Value> {}

/** What `namespace(…)` makes: the one object whose attributes a template may set. */
export class Namespace {
  constructor(readonly entries: Map<string, Value>) {}
}

/** Something in a template that cannot be evaluated; messages name kinds of values, never the values, which may be confidential. */
export class TemplateProblem extends Error {}

/** A template's own complaint (`raise_exception`), which may quote the messages. */
export class TemplateComplaint extends TemplateProblem {}

export const fail = (message: string): never => {
  throw new TemplateProblem(message)
}

/** JSON data as template values. */
export function toValue(data: unknown): Value {
  if (data === undefined || data === null) return null
  if (Array.isArray(data)) return data.map(toValue)
  if (typeof data === 'object')
    return new Map(
      Object.entries(data)
        .filter(([, value]) => value !== undefined)
        .map(([key, value]) => [key, toValue(value)]),
    )
  if (typeof data === 'string' || typeof data === 'number' || typeof data === 'boolean') return data
  return fail('data of another kind than JSON')
}

/** A number for arithmetic; booleans count as 0 and 1. */
export function numberOf(value: Value): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value === 'boolean') return Number(value)
  return value instanceof PythonFloat ? value.value : undefined
}

export const isFloat = (value: Value): boolean =>
  value instanceof PythonFloat || (typeof value === 'number' && !Number.isInteger(value))

/** The result of arithmetic, as a float if one of its operands was one. */
export const makeNumber = (value: number, float: boolean): Value =>
  float && Number.isInteger(value) ? new PythonFloat(value) : value

export function truth(value: Value): boolean {
  if (Array.isArray(value)) return value.length > 0
  if (value instanceof Map) return value.size > 0
  if (value instanceof PythonFloat) return value.value !== 0
  return typeof value === 'object' || typeof value === 'function' ? value !== null : Boolean(value)
}

export function equal(a: Value, b: Value): boolean {
  const [left, right] = [numberOf(a), numberOf(b)]
  if (left !== undefined && right !== undefined) return left === right
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => equal(item, b[index]))
  if (a instanceof Map && b instanceof Map)
    return a.size === b.size && [...a].every(([key, item]) => b.has(key) && equal(item, b.get(key)))
  return a === b
}

/** −1, 0 or 1 as Python orders numbers, texts and lists; anything else cannot be ordered. */
export function compare(a: Value, b: Value): number {
  const [left, right] = [numberOf(a), numberOf(b)]
  if (left !== undefined && right !== undefined) return Math.sign(left - right)
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b)
  if (Array.isArray(a) && Array.isArray(b)) {
    for (const [index, item] of a.entries()) {
      if (index >= b.length) return 1
      const order = compare(item, b[index])
      if (order !== 0) return order
    }
    return a.length < b.length ? -1 : 0
  }
  return fail(`'<' not supported between ${typeName(a)} and ${typeName(b)}`)
}

/** By code points, as Python; JavaScript's own order is by UTF-16 units. */
function compareText(a: string, b: string): number {
  if (a === b) return 0
  const [left, right] = [[...a], [...b]]
  for (const [index, character] of left.entries()) {
    const other = right[index]
    if (other === undefined) return 1
    if (character !== other) return (character.codePointAt(0) ?? 0) < (other.codePointAt(0) ?? 0) ? -1 : 1
  }
  return -1
}

export function typeName(value: Value): string {
  if (value === undefined) return 'undefined'
  if (value === null) return 'None'
  if (typeof value === 'string') return 'str'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'function') return 'function'
  if (isFloat(value)) return 'float'
  if (typeof value === 'number') return 'int'
  if (value instanceof Map) return 'dict'
  return value instanceof Namespace ? 'namespace' : 'list'
}

/** What `for` walks over: the items of a list, the keys of a dictionary, the characters of a text. */
export function itemsOf(value: Value): Value[] {
  if (value === undefined) return []
  if (Array.isArray(value)) return [...value]
  if (value instanceof Map) return [...value.keys()]
  if (typeof value === 'string') return [...value]
  return fail(`'${typeName(value)}' object is not iterable`)
}
