// Small mistakes in a Solidity source, each as {line, rule, before, after, start, end}: what a mistyping or a forgotten line
// would make of it. Rules work on the text, formatted by `forge fmt`, with comments and strings masked.

/** [name, pattern, replacement]; the pattern's first match group, or all of it, is what is replaced. */
const replacements = [
  ['off by one', / (<=) /g, '<'],
  ['off by one', / (>=) /g, '>'],
  ['off by one', / (<) /g, '<='],
  ['off by one', / (>) /g, '>='],
  ['flipped', / (==) /g, '!='],
  ['flipped', / (!=) /g, '=='],
  ['and for or', / (&&) /g, '||'],
  ['and for or', / (\|\|) /g, '&&'],
  ['minus for plus', / (\+=) /g, '-='],
  ['minus for plus', / (-=) /g, '+='],
  ['minus for plus', / (\+) /g, '-'],
  ['minus for plus', / (-) /g, '+'],
  ['times for by', / (\*) /g, '/'],
  ['times for by', / (\/) /g, '*'],
  ['bits', / (<<) /g, '>>'],
  ['bits', / (>>) /g, '<<'],
  ['bits', / (&) /g, '|'],
  ['bits', / (\|) /g, '&'],
  ['bits', / (\|=) /g, '&='],
  ['bits', /[ (](~)[\w(]/g, ''],
  ['not', /[ (](!)[\w(]/g, ''],
  ['true for false', /\b(true)\b/g, 'false'],
  ['true for false', /\b(false)\b/g, 'true'],
  ['no modifier', / (onlyOwner|onlyConsensus)\b/g, ''],
]

const notInFunctions = new Set(['no modifier', 'constant'])

/** @returns every mutant of `source`, in the order of the text */
export function mutantsOf(source) {
  const masked = mask(source)
  const inFunction = depths(masked)
  const mutants = []

  function add(rule, start, end, after) {
    if (!notInFunctions.has(rule) && inFunction[start] < 2) return
    const lineStart = source.lastIndexOf('\n', start - 1) + 1
    const text = source.slice(lineStart, lineEnd(source, start)).trim()
    // A loop that never ends only costs time; what does not change is no mutant.
    if (/^(for|while) \(|^(import|pragma|error|event|using|type) /.test(text)) return
    if (source.slice(start, end) === after) return
    const line = source.slice(0, start).split('\n').length
    mutants.push({ rule, line, text, column: start - lineStart, before: source.slice(start, end), after, start, end })
  }

  for (const [rule, pattern, after] of replacements) {
    for (const match of masked.matchAll(pattern)) {
      const start = match.index + match[0].indexOf(match[1])
      add(rule, start, start + match[1].length, after)
    }
  }
  // A check that is not made, or always refuses.
  for (const match of masked.matchAll(/\bif (\()/g)) {
    const start = match.index + 4
    const end = closing(masked, match.index + 3)
    add('no check', start, end, 'false')
    if (!/^\s*revert\b/.test(masked.slice(end + 1))) add('always', start, end, 'true')
  }
  // A line that was forgotten: assignments, calls, events.
  for (const match of masked.matchAll(/^( {8,})([A-Za-z_(][^;{}]*);$/gm)) {
    const statement = match[2]
    const start = match.index + match[1].length
    if (/^(return|revert|break|continue|if|else|for|while|do)\b/.test(statement)) continue
    // Declarations would not compile, and a line may be the rest of an expression.
    if (/^(\w[\w.[\]]*|mapping\(.*\)) (memory |storage |calldata )?\w+( =|$)/.test(statement)) continue
    if (/^\((\w[\w.[\]]* (memory |storage )?\w+)?,/.test(statement)) continue
    if (!balanced(statement) || !/[=(]|\+\+|--|^delete /.test(statement)) continue
    add('no line', start, start + statement.length + 1, '{}')
  }
  // Numbers, in code and of constants, by one.
  for (const match of masked.matchAll(/(?<![\w.[])(\d[\d_]*)(?![\w\].x])/g)) {
    const after = String(BigInt(match[1].replaceAll('_', '')) + 1n)
    const constant = /constant|:/.test(masked.slice(masked.lastIndexOf('\n', match.index), match.index))
    add(constant ? 'constant' : 'number', match.index, match.index + match[1].length, after)
  }
  // Two arguments in the wrong order.
  for (const match of masked.matchAll(/\w\((\w[\w.]*), (\w[\w.]*)\)/g)) {
    if (/^\s*function |returns/.test(masked.slice(masked.lastIndexOf('\n', match.index) + 1, match.index))) continue
    const start = match.index + 2
    add('swapped', start, match.index + match[0].length - 1, `${match[2]}, ${match[1]}`)
  }
  return mutants.sort((a, b) => a.start - b.start || a.rule.localeCompare(b.rule))
}

/** Comments, strings and assembly become spaces: nothing in them is mutated, and places stay the same. */
function mask(source) {
  const blank = (text) => text.replace(/[^\n]/g, ' ')
  let masked = source.replace(/\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"/g, blank)
  for (let at = masked.indexOf('assembly'); at !== -1; at = masked.indexOf('assembly', at + 1)) {
    const open = masked.indexOf('{', at)
    const end = closing(masked, open)
    masked = masked.slice(0, open + 1) + blank(masked.slice(open + 1, end)) + masked.slice(end)
  }
  return masked
}

/** For each place, in how many braces it is: 2 and more are bodies of functions (and of structs, without operators). */
function depths(masked) {
  const result = new Uint8Array(masked.length)
  let depth = 0
  for (let i = 0; i < masked.length; ++i) {
    if (masked[i] === '{') ++depth
    if (masked[i] === '}') --depth
    result[i] = depth
  }
  return result
}

/** Where the bracket that opens at `open` closes. */
function closing(masked, open) {
  const [left, right] = masked[open] === '{' ? ['{', '}'] : ['(', ')']
  let depth = 0
  for (let i = open; i < masked.length; ++i) {
    if (masked[i] === left) ++depth
    if (masked[i] === right && --depth === 0) return i
  }
  throw new Error('a bracket does not close')
}

function balanced(text) {
  return text.split('(').length === text.split(')').length
}

function lineEnd(source, at) {
  const end = source.indexOf('\n', at)
  return end === -1 ? source.length : end
}
