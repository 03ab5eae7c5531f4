import { capitalize, replace, strip } from './methods.js'
import { pythonJson, pythonText } from './pythonText.js'
import { TESTS } from './tests.js'
import {
  compare,
  equal,
  fail,
  isFloat,
  itemsOf,
  makeNumber,
  numberOf,
  PythonFloat,
  Tuple,
  truth,
  type Value,
} from './value.js'

type Named = ReadonlyMap<string, Value>
/** A filter: the value before `|`, and what stands in the brackets after its name. */
export type Filter = (value: Value, args: readonly Value[], named: Named) => Value

/** An argument by its place or its name. */
const argument = (args: readonly Value[], named: Named, place: number, name: string): Value =>
  args[place] ?? named.get(name)

const wholeNumber = (value: Value): number => numberOf(value) ?? fail('a number is needed')

/** The value at `a.b.0` inside another one. */
function attribute(value: Value, path: Value): Value {
  let current = value
  for (const part of String(path).split('.')) {
    if (current instanceof Map) current = current.get(part)
    else if (Array.isArray(current) && /^\d+$/.test(part)) current = current[Number(part)]
    else return undefined
  }
  return current
}

/** Jinja compares texts without regard to case unless told otherwise. */
const sortKey = (value: Value, caseSensitive: boolean): Value =>
  typeof value === 'string' && !caseSensitive ? value.toLowerCase() : value

function selected(value: Value, args: readonly Value[], byAttribute: boolean, wanted: boolean): Value {
  const [path, testName, other] = byAttribute ? args : [undefined, ...args]
  const test = testName === undefined ? (item: Value) => truth(item) : TESTS.get(pythonText(testName))
  if (!test) return fail(`there is no test '${pythonText(testName)}'`)
  return itemsOf(value).filter((item) => test(byAttribute ? attribute(item, path) : item, other) === wanted)
}

function length(value: Value): number {
  if (value === undefined) return 0
  if (typeof value === 'string') return [...value].length
  if (value instanceof Map) return value.size
  return Array.isArray(value) ? value.length : fail('this value has no length')
}

/** Python's `int()`: whole part of a number, or a decimal text; the fallback for anything else. */
function toInteger(value: Value, fallback: Value): Value {
  const number = numberOf(value)
  if (number !== undefined) return Math.trunc(number)
  if (typeof value === 'string' && /^[+-]?\d+(?:\.\d*)?$/.test(strip(value))) return Math.trunc(Number(strip(value)))
  return fallback
}

function toFloat(value: Value, fallback: Value): Value {
  const number = numberOf(value)
  if (number !== undefined) return makeNumber(number, true)
  if (typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value)))
    return makeNumber(Number(value), true)
  return fallback
}

function indent(value: Value, args: readonly Value[], named: Named): string {
  const width = argument(args, named, 0, 'width') ?? 4
  const padding = typeof width === 'string' ? width : ' '.repeat(wholeNumber(width))
  const [first, blank] = [truth(argument(args, named, 1, 'first')), truth(argument(args, named, 2, 'blank'))]
  return pythonText(value)
    .split('\n')
    .map((line, index) => ((index === 0 && !first) || (line === '' && !blank) ? line : padding + line))
    .join('\n')
}

function round(value: Value, args: readonly Value[], named: Named): Value {
  const scale = 10 ** (numberOf(argument(args, named, 0, 'precision')) ?? 0)
  const scaled = wholeNumber(value) * scale
  const method = argument(args, named, 1, 'method') ?? 'common'
  if (method === 'ceil') return makeNumber(Math.ceil(scaled) / scale, true)
  if (method === 'floor') return makeNumber(Math.floor(scaled) / scale, true)
  const floor = Math.floor(scaled)
  // Python rounds halves to the even neighbour.
  const nearest = scaled - floor === 0.5 ? floor + (floor % 2 === 0 ? 0 : 1) : Math.round(scaled)
  return makeNumber(nearest / scale, true)
}

/** Jinja's filters, by name. */
export const FILTERS: ReadonlyMap<string, Filter> = new Map<string, Filter>([
  [
    'trim',
    (value, args, named) => strip(pythonText(value), 'both', argument(args, named, 0, 'chars') as string | undefined),
  ],
  ['upper', (value) => pythonText(value).toUpperCase()],
  ['lower', (value) => pythonText(value).toLowerCase()],
  [
    'title',
    (value) =>
      pythonText(value)
        .split(/([-\s({[<]+)/u)
        .map(capitalize)
        .join(''),
  ],
  ['capitalize', (value) => capitalize(pythonText(value))],
  ['string', (value) => pythonText(value)],
  ['safe', (value) => pythonText(value)],
  ['length', (value) => length(value)],
  ['count', (value) => length(value)],
  ['first', (value) => itemsOf(value)[0]],
  ['last', (value) => itemsOf(value).at(-1)],
  ['list', (value) => itemsOf(value)],
  ['reverse', (value) => (typeof value === 'string' ? [...value].reverse().join('') : itemsOf(value).reverse())],
  ['int', (value, args, named) => toInteger(value, argument(args, named, 0, 'default') ?? 0)],
  ['float', (value, args, named) => toFloat(value, argument(args, named, 0, 'default') ?? new PythonFloat(0))],
  ['abs', (value) => makeNumber(Math.abs(wholeNumber(value)), isFloat(value))],
  ['round', round],
  ['sum', (value) => itemsOf(value).reduce<number>((sum, item) => sum + wholeNumber(item), 0)],
  ['max', (value) => itemsOf(value).reduce((best, item) => (compare(item, best) > 0 ? item : best))],
  ['min', (value) => itemsOf(value).reduce((best, item) => (compare(item, best) < 0 ? item : best))],
  ['indent', indent],
  [
    'replace',
    (value, args, named) =>
      replace(
        pythonText(value),
        pythonText(args[0]),
        pythonText(args[1]),
        numberOf(argument(args, named, 2, 'count')) ?? -1,
      ),
  ],
  [
    'default',
    (value, args, named) =>
      value === undefined || (truth(argument(args, named, 1, 'boolean')) && !truth(value))
        ? (argument(args, named, 0, 'default_value') ?? '')
        : value,
  ],
  [
    'join',
    (value, args, named) => {
      const path = argument(args, named, 1, 'attribute')
      const items = itemsOf(value).map((item) => (path === undefined ? item : attribute(item, path)))
      return items.map(pythonText).join(pythonText(argument(args, named, 0, 'd')))
    },
  ],
  [
    'tojson',
    (value, args, named) => {
      const width = numberOf(argument(args, named, 0, 'indent'))
      const separators = named.get('separators')
      return pythonJson(value, {
        ...(width === undefined ? {} : { indent: width }),
        ...(Array.isArray(separators)
          ? { separators: [pythonText(separators[0]), pythonText(separators[1])] as const }
          : {}),
        ascii: truth(named.get('ensure_ascii')),
        sorted: truth(named.get('sort_keys')),
      })
    },
  ],
  ['items', (value) => (value instanceof Map ? [...value].map((entry) => Tuple.from(entry)) : itemsOf(value))],
  [
    'dictsort',
    (value) =>
      value instanceof Map
        ? [...value].sort(([a], [b]) => compare(a.toLowerCase(), b.toLowerCase())).map((entry) => Tuple.from(entry))
        : fail('dictsort needs a dictionary'),
  ],
  [
    'sort',
    (value, args, named) => {
      const [reverse, exact] = [
        truth(argument(args, named, 0, 'reverse')),
        truth(argument(args, named, 1, 'case_sensitive')),
      ]
      const path = argument(args, named, 2, 'attribute')
      const key = (item: Value) => sortKey(path === undefined ? item : attribute(item, path), exact)
      return itemsOf(value).sort((a, b) => (reverse ? -1 : 1) * compare(key(a), key(b)))
    },
  ],
  [
    'unique',
    (value) => {
      const found: Value[] = []
      for (const item of itemsOf(value)) {
        if (!found.some((other) => equal(sortKey(other, false), sortKey(item, false)))) found.push(item)
      }
      return found
    },
  ],
  [
    'map',
    (value, args, named) => {
      if (named.has('attribute')) {
        return itemsOf(value).map((item) => attribute(item, named.get('attribute')) ?? named.get('default'))
      }
      const [name, ...rest] = args
      const filter = FILTERS.get(pythonText(name))
      return filter
        ? itemsOf(value).map((item) => filter(item, rest, named))
        : fail(`there is no filter '${pythonText(name)}'`)
    },
  ],
  ['select', (value, args) => selected(value, args, false, true)],
  ['reject', (value, args) => selected(value, args, false, false)],
  ['selectattr', (value, args) => selected(value, args, true, true)],
  ['rejectattr', (value, args) => selected(value, args, true, false)],
])
