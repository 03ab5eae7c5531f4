import { compare, equal, fail, isFloat, itemsOf, Namespace, numberOf, type Value } from './value.js'

/** Jinja's tests: what may follow `is`, and what `select` and `selectattr` take by name. */
export const TESTS: ReadonlyMap<string, (value: Value, other?: Value) => boolean> = new Map<
  string,
  (value: Value, other?: Value) => boolean
>([
  ['defined', (value) => value !== undefined],
  ['undefined', (value) => value === undefined],
  ['none', (value) => value === null],
  ['string', (value) => typeof value === 'string'],
  ['number', (value) => numberOf(value) !== undefined],
  ['integer', (value) => typeof value === 'number' && Number.isInteger(value)],
  ['float', (value) => isFloat(value)],
  ['boolean', (value) => typeof value === 'boolean'],
  ['true', (value) => value === true],
  ['false', (value) => value === false],
  ['mapping', (value) => value instanceof Map],
  ['sequence', (value) => Array.isArray(value) || value instanceof Map || typeof value === 'string'],
  [
    'iterable',
    (value) => Array.isArray(value) || value instanceof Map || typeof value === 'string' || value === undefined,
  ],
  ['callable', (value) => typeof value === 'function'],
  ['odd', (value) => Math.abs((numberOf(value) ?? fail('odd needs a number')) % 2) === 1],
  ['even', (value) => (numberOf(value) ?? fail('even needs a number')) % 2 === 0],
  ['lower', (value) => typeof value === 'string' && value === value.toLowerCase() && value !== value.toUpperCase()],
  ['upper', (value) => typeof value === 'string' && value === value.toUpperCase() && value !== value.toLowerCase()],
  ['equalto', (value, other) => equal(value, other)],
  ['eq', (value, other) => equal(value, other)],
  ['==', (value, other) => equal(value, other)],
  ['ne', (value, other) => !equal(value, other)],
  ['!=', (value, other) => !equal(value, other)],
  ['sameas', (value, other) => value === other],
  ['in', (value, other) => contains(other, value)],
  ['lt', (value, other) => compare(value, other) < 0],
  ['le', (value, other) => compare(value, other) <= 0],
  ['gt', (value, other) => compare(value, other) > 0],
  ['ge', (value, other) => compare(value, other) >= 0],
])

/** Python's `in`. */
export function contains(container: Value, value: Value): boolean {
  if (typeof container === 'string')
    return typeof value === 'string' ? container.includes(value) : fail("'in <string>' needs a text")
  if (container instanceof Map) return typeof value === 'string' && container.has(value)
  if (container instanceof Namespace) return fail('a namespace is not iterable')
  return itemsOf(container).some((item) => equal(item, value))
}
