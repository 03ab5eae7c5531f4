import { Namespace, numberOf, PythonFloat, Tuple, type Value } from './value.js'

/** What Python's `str()` gives, which is what `{{ … }}` prints; undefined prints nothing. */
export function pythonText(value: Value): string {
  if (value === undefined) return ''
  return typeof value === 'string' ? value : pythonRepr(value)
}

/** What Python's `repr()` gives. */
export function pythonRepr(value: Value): string {
  if (value === undefined) return 'Undefined'
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'string') return quote(value)
  if (typeof value === 'number' || value instanceof PythonFloat) return pythonNumber(value)
  if (value instanceof Map)
    return `{${[...value].map(([key, item]) => `${quote(key)}: ${pythonRepr(item)}`).join(', ')}}`
  if (value instanceof Tuple)
    return value.length === 1 ? `(${pythonRepr(value[0])},)` : `(${value.map(pythonRepr).join(', ')})`
  if (Array.isArray(value)) return `[${value.map(pythonRepr).join(', ')}]`
  return value instanceof Namespace ? '<Namespace>' : '<function>'
}

/** Python writes the shortest digits, as JavaScript does, but changes to exponents elsewhere. */
export function pythonNumber(value: number | PythonFloat): string {
  const number = numberOf(value) ?? 0
  if (Number.isInteger(number) && !(value instanceof PythonFloat))
    return Number.isSafeInteger(number) ? String(number) : BigInt(number).toString()
  const [digits = '0', exponent = '0'] = number.toExponential().split('e')
  const power = Number(exponent)
  if (number !== 0 && (power < -4 || power >= 16))
    return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
  if (Number.isInteger(number)) return `${Object.is(number, -0) ? '-0' : number}.0`
  if (power >= 0 || number === 0) return String(number)
  const sign = number < 0 ? '-' : ''
  return `${sign}0.${'0'.repeat(-power - 1)}${digits.replace(/[-.]/g, '')}`
}

function quote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'"
  let quoted = ''
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    if (character === mark || character === '\\') quoted += `\\${character}`
    else if (character === '\n') quoted += '\\n'
    else if (character === '\r') quoted += '\\r'
    else if (character === '\t') quoted += '\\t'
    else if (character !== ' ' && /[\p{C}\p{Z}]/u.test(character)) quoted += escaped(code)
    else quoted += character
  }
  return `${mark}${quoted}${mark}`
}

const escaped = (code: number): string =>
  code < 0x100
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : code < 0x10000
      ? `\\u${code.toString(16).padStart(4, '0')}`
      : `\\U${code.toString(16).padStart(8, '0')}`

/** How `tojson` writes a value in the original: Python's `json.dumps` with `ensure_ascii=False`, unless the template says otherwise. */
export function pythonJson(
  value: Value,
  options: { indent?: number; ascii?: boolean; sorted?: boolean; separators?: readonly [string, string] } = {},
): string {
  const {
    indent,
    ascii = false,
    sorted = false,
    separators = indent === undefined ? [', ', ': '] : [',', ': '],
  } = options
  const text = (plain: string) => {
    const json = JSON.stringify(plain)
    return ascii
      ? json.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      : json
  }
  const wrap = (open: string, parts: string[], close: string, depth: number): string => {
    if (parts.length === 0) return open + close
    if (indent === undefined) return open + parts.join(separators[0]) + close
    const line = (level: number) => `\n${' '.repeat(indent * level)}`
    return open + line(depth + 1) + parts.join(separators[0] + line(depth + 1)) + line(depth) + close
  }
  const write = (item: Value, depth: number): string => {
    if (item === undefined || item === null) return 'null'
    if (typeof item === 'boolean') return String(item)
    if (typeof item === 'string') return text(item)
    if (typeof item === 'number' || item instanceof PythonFloat) return pythonNumber(item)
    if (Array.isArray(item))
      return wrap(
        '[',
        item.map((inner) => write(inner, depth + 1)),
        ']',
        depth,
      )
    if (item instanceof Map) {
      const entries = sorted ? [...item].sort(([a], [b]) => (a < b ? -1 : 1)) : [...item]
      const parts = entries.map(([key, inner]) => text(key) + separators[1] + write(inner, depth + 1))
      return wrap('{', parts, '}', depth)
    }
    throw new TypeError('Object of this type is not JSON serializable')
  }
  return write(value, 0)
}
