import { fail, numberOf, type TemplateFunction, Tuple, typeName, type Value } from './value.js'

/** Characters that Python's `str.strip()` takes off, which differ from JavaScript's `trim`. */
const WHITE: ReadonlySet<string> = new Set(
  '\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000',
)

/** Takes characters off the ends of a text as Python's `strip`, `lstrip` and `rstrip` do. */
export function strip(text: string, side: 'both' | 'left' | 'right' = 'both', characters?: string): string {
  const units = [...text]
  const unwanted = characters === undefined ? WHITE : new Set(characters)
  const goes = (unit: string | undefined) => unit !== undefined && unwanted.has(unit)
  let [start, end] = [0, units.length]
  if (side !== 'right') while (start < end && goes(units[start])) start++
  if (side !== 'left') while (end > start && goes(units[end - 1])) end--
  return units.slice(start, end).join('')
}

/** Python's `str.title()`: a letter after anything that is no letter is a capital. */
export const title = (text: string): string =>
  text.replace(/\p{L}+/gu, ([first = '', ...rest]) => first.toUpperCase() + rest.join('').toLowerCase())

export const capitalize = ([first = '', ...rest]: string): string => first.toUpperCase() + rest.join('').toLowerCase()

const text = (value: Value): string =>
  typeof value === 'string' ? value : fail(`a text is needed, not ${typeName(value)}`)
const optional = (value: Value): string | undefined => (value === undefined || value === null ? undefined : text(value))

/** Splits at most `limit` times; without a separator at runs of white space. */
function split(whole: string, separator: string | undefined, limit: number): string[] {
  if (separator === '') return fail('empty separator')
  const parts: string[] = []
  let rest = separator === undefined ? strip(whole, 'left') : whole
  while (limit < 0 || parts.length < limit) {
    const at = separator === undefined ? [...rest].findIndex((unit) => WHITE.has(unit)) : rest.indexOf(separator)
    if (at < 0) break
    const head = separator === undefined ? [...rest].slice(0, at).join('') : rest.slice(0, at)
    parts.push(head)
    rest = separator === undefined ? strip(rest.slice(head.length), 'left') : rest.slice(at + separator.length)
  }
  return separator === undefined && rest === '' ? parts : [...parts, rest]
}

function splitFromRight(whole: string, separator: string | undefined, limit: number): string[] {
  const reversed = (part: string) => [...part].reverse().join('')
  return split(reversed(whole), separator === undefined ? undefined : reversed(separator), limit)
    .map(reversed)
    .reverse()
}

const anyPart = (value: Value, test: (part: string) => boolean): boolean =>
  Array.isArray(value) ? value.some((part) => test(text(part))) : test(text(value))

/** Cuts at the first or last separator into three parts. */
function partition(whole: string, separator: string, last: boolean): Value {
  const at = last ? whole.lastIndexOf(separator) : whole.indexOf(separator)
  if (at < 0) return Tuple.from(last ? ['', '', whole] : [whole, '', ''])
  return Tuple.from([whole.slice(0, at), separator, whole.slice(at + separator.length)])
}

const every = (whole: string, test: RegExp): boolean => whole !== '' && [...whole].every((unit) => test.test(unit))

const STRING_METHODS: Record<string, (self: string, ...args: Value[]) => Value> = {
  strip: (self, characters) => strip(self, 'both', optional(characters)),
  lstrip: (self, characters) => strip(self, 'left', optional(characters)),
  rstrip: (self, characters) => strip(self, 'right', optional(characters)),
  upper: (self) => self.toUpperCase(),
  lower: (self) => self.toLowerCase(),
  title: (self) => title(self),
  capitalize: (self) => capitalize(self),
  split: (self, separator, limit) => split(self, optional(separator), numberOf(limit) ?? -1),
  rsplit: (self, separator, limit) => splitFromRight(self, optional(separator), numberOf(limit) ?? -1),
  splitlines: (self) => splitLines(self),
  startswith: (self, part) => anyPart(part, (start) => self.startsWith(start)),
  endswith: (self, part) => anyPart(part, (end) => self.endsWith(end)),
  replace: (self, old, replacement, limit) => replace(self, text(old), text(replacement), numberOf(limit) ?? -1),
  join: (self, parts) => (Array.isArray(parts) ? parts.map(text).join(self) : fail('join needs a list')),
  find: (self, part) => codePoints(self, self.indexOf(text(part))),
  rfind: (self, part) => codePoints(self, self.lastIndexOf(text(part))),
  index: (self, part) =>
    self.includes(text(part)) ? codePoints(self, self.indexOf(text(part))) : fail('substring not found'),
  count: (self, part) => self.split(text(part)).length - 1,
  partition: (self, separator) => partition(self, text(separator), false),
  rpartition: (self, separator) => partition(self, text(separator), true),
  removeprefix: (self, part) => (self.startsWith(text(part)) ? self.slice(text(part).length) : self),
  removesuffix: (self, part) =>
    text(part) !== '' && self.endsWith(text(part)) ? self.slice(0, -text(part).length) : self,
  isdigit: (self) => every(self, /\p{Nd}/u),
  isnumeric: (self) => every(self, /\p{N}/u),
  isalpha: (self) => every(self, /\p{L}/u),
  isalnum: (self) => every(self, /[\p{L}\p{N}]/u),
  isspace: (self) => self !== '' && [...self].every((unit) => WHITE.has(unit)),
  isupper: (self) => self === self.toUpperCase() && self !== self.toLowerCase(),
  islower: (self) => self === self.toLowerCase() && self !== self.toUpperCase(),
}

function splitLines(whole: string): string[] {
  const lines = whole.replaceAll('\r\n', '\n').split(/[\n\v\f\r\u0085\u2028\u2029]/u)
  if (lines.at(-1) === '') lines.pop()
  return lines
}

const codePoints = (whole: string, at: number): number => (at < 0 ? -1 : [...whole.slice(0, at)].length)

/** Replaces the first `limit` places, all of them when it is negative. */
export function replace(whole: string, old: string, replacement: string, limit: number): string {
  if (limit < 0) return whole.replaceAll(old, () => replacement)
  return split(whole, old, limit).join(replacement)
}

const DICTIONARY_METHODS: Record<string, (self: Map<string, Value>, ...args: Value[]) => Value> = {
  items: (self) => [...self].map((entry) => Tuple.from(entry)),
  keys: (self) => [...self.keys()],
  values: (self) => [...self.values()],
  get: (self, key, fallback) => (self.has(text(key)) ? self.get(text(key)) : (fallback ?? null)),
  copy: (self) => new Map(self),
  update: (self, other) => {
    if (other instanceof Map) for (const [key, value] of other) self.set(key, value)
    return null
  },
  pop: (self, key, fallback) => {
    const value = self.has(text(key)) ? self.get(text(key)) : fallback
    self.delete(text(key))
    return value
  },
}

const LIST_METHODS: Record<string, (self: Value[], ...args: Value[]) => Value> = {
  append: (self, item) => {
    self.push(item)
    return null
  },
  extend: (self, items) => {
    if (Array.isArray(items)) self.push(...items)
    return null
  },
  pop: (self, index) => self.splice(numberOf(index) ?? -1, 1)[0],
  insert: (self, index, item) => {
    self.splice(numberOf(index) ?? 0, 0, item)
    return null
  },
  reverse: (self) => {
    self.reverse()
    return null
  },
  copy: (self) => [...self],
}

/** The method of a value, bound to it; undefined when it has none of that name. */
export function methodOf(value: Value, name: string): TemplateFunction | undefined {
  if (typeof value === 'string') return bind(STRING_METHODS, name, value)
  if (value instanceof Map) return bind(DICTIONARY_METHODS, name, value)
  return Array.isArray(value) ? bind(LIST_METHODS, name, value) : undefined
}

/** Names of arguments that templates give to methods. */
const ARGUMENT_PLACES: Record<string, number> = { sep: 0, chars: 0, maxsplit: 1, default: 1, count: 2 }

function bind<Self>(
  methods: Record<string, (self: Self, ...args: Value[]) => Value>,
  name: string,
  self: Self,
): TemplateFunction | undefined {
  const method = Object.hasOwn(methods, name) ? methods[name] : undefined
  if (!method) return undefined
  return (args, named) => {
    const all = [...args]
    for (const [key, value] of named) {
      const place = ARGUMENT_PLACES[key]
      if (place === undefined) return fail(`${name}() has no argument ${key}`)
      all[place] = value
    }
    return method(self, ...all)
  }
}
