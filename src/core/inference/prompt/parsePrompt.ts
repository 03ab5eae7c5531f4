import type { BlendedPrompts, FlatPrompt, ParsedPrompt, WeightedFragment } from './parsedPrompt.js'

/**
 * Reads the weighting syntax of a prompt: `word+`, `word--`, `(two words)1.3`, `"quoted"0.8`, `.attend(…)`, `.swap(…)`,
 * `("a", "b").blend(…)`, `.and(…)`, with backslash escapes. What is not syntax is text.
 *
 * Written after the published grammar of Compel 2.0.3, whose rules are tried in a fixed order and never taken back: the first that
 * fits at a position stands. `withLora(…)` is recognised and dropped, as there.
 *
 * @returns undefined for a prompt that the grammar refuses, such as `()` or a blend with the wrong number of weights.
 */
export function parsePrompt(prompt: string): ParsedPrompt | undefined {
  if (prompt.trim() === '') return [{ prompt: [{ text: '', weight: 1 }], weight: 1 }]
  try {
    return parseConjunction(createGrammar(prompt.replaceAll(/,(\S)/g, ', $1'), 0))
  } catch (error) {
    if (error instanceof UnreadablePrompt) return undefined
    throw error
  }
}

// Nodes of the tree, before weights are multiplied out.
type Node =
  | { type: 'text'; text: string }
  | { type: 'attention'; weight: number; children: Node[] }
  | { type: 'swap'; original: Node[]; edited: Node[] }
  | { type: 'lora' }

type Match<T> = { value: T; end: number } | undefined
type Rule<T> = (at: number) => Match<T>

/** Deeper nesting than anybody writes; bounds the recursion. */
const MAXIMUM_DEPTH = 64

type Grammar = {
  text: string
  conjunction: Rule<{ targets: Node[][]; weights: number[] }>
  blend: Rule<{ targets: Node[][]; weights: number[]; normalize: boolean }>
  loras: Rule<Node[]>
  prompt(at: number): { value: Node[]; end: number }
  /** The whole text as a fragment that may hold commas and full stops. */
  wholeFragment(): Node[] | undefined
  wholePrompt(): Node[] | undefined
}

const SPACE = ' \\t\\n\\r\\v\\f'
const SYNTAX = '()",.+\\-='
const WORD = new RegExp(`(?:\\\\[${SYNTAX}]|[-+](?![${SPACE}${SYNTAX}]|$)|-?\\d+|[^${SPACE}${SYNTAX}])+`, 'y')
const FREE_WORD = new RegExp(`[^${SPACE}]+`, 'y')
const QUOTED = /"((?:\\"|[^"\n\r])*)"/y
const NUMBER = /[+-]?(?:\d+\.\d*|\.\d+)|-?\d+/y
const KEYWORD = /[A-Za-z0-9_-]+/y
const SIGNS = /\++|-+/y

function createGrammar(text: string, depth: number): Grammar {
  if (depth > MAXIMUM_DEPTH) throw new UnreadablePrompt()
  let nesting = depth

  const skip = (at: number): number => {
    let next = at
    while (next < text.length && ' \t\n\r'.includes(text.charAt(next))) next++
    return next
  }
  /** A pattern after optional white space; the value is the match's text. */
  const pattern = (expression: RegExp, at: number): Match<string> => {
    const start = skip(at)
    expression.lastIndex = start
    const found = expression.exec(text)
    return found ? { value: found[1] ?? found[0], end: start + found[0].length } : undefined
  }
  const literal = (wanted: string, at: number | undefined): number | undefined => {
    if (at === undefined) return undefined
    const start = skip(at)
    return text.startsWith(wanted, start) ? start + wanted.length : undefined
  }
  /** Remembers what a rule gave at a position: several rules begin alike, and brackets nest. */
  const remembered = <T>(rule: Rule<T>): Rule<T> => {
    const known = new Map<number, Match<T>>()
    return (at) => {
      if (known.has(at)) return known.get(at)
      const match = rule(at)
      known.set(at, match)
      return match
    }
  }
  const firstOf =
    <T>(...rules: Rule<T>[]): Rule<T> =>
    (at) => {
      for (const rule of rules) {
        const match = rule(at)
        if (match) return match
      }
      return undefined
    }
  const many = (rule: Rule<Node[]>, at: number): { value: Node[]; end: number } => {
    const value: Node[] = []
    let end = at
    for (let match = rule(end); match && match.end > end; match = rule(end)) {
      value.push(...match.value)
      end = match.end
    }
    return { value, end }
  }

  const word: Rule<Node[]> = (at) => {
    const match = pattern(WORD, at)
    return match && { value: [textNode(match.value)], end: match.end }
  }
  const freeWord: Rule<Node[]> = (at) => {
    FREE_WORD.lastIndex = at
    const found = FREE_WORD.exec(text)
    return found ? { value: [textNode(found[0])], end: at + found[0].length } : undefined
  }
  const space: Rule<Node[]> = (at) => (skip(at) > at ? { value: [], end: skip(at) } : undefined)
  const punctuation: Rule<Node[]> = (at) => {
    const end = literal(',', at) ?? literal('.', at)
    return end === undefined ? undefined : { value: [textNode(text.charAt(end - 1))], end }
  }
  const quotedAs = (parse: (inner: Grammar) => Node[] | undefined): Rule<Node[]> =>
    remembered((at) => {
      const match = pattern(QUOTED, at)
      if (!match) return undefined
      const content = match.value.replaceAll('\\"', '"')
      if (content.trim() === '') return { value: [textNode('')], end: match.end }
      const value = parse(createGrammar(content.replaceAll('"', '\\"'), nesting + 1))
      return value && { value, end: match.end }
    })
  const quoted = quotedAs((inner) => inner.wholeFragment())
  const quotedPrompt = quotedAs((inner) => inner.wholePrompt())
  const parenthesized: Rule<Node[]> = remembered((at) => {
    const start = literal('(', at)
    if (start === undefined) return undefined
    if (++nesting > MAXIMUM_DEPTH) throw new UnreadablePrompt()
    const { value, end } = many(fragmentPart, start)
    nesting--
    const close = literal(')', end)
    return close === undefined ? undefined : { value, end: close }
  })
  const target = firstOf(quoted, parenthesized, word)

  const weightOperator: Rule<number> = (at) => {
    const signs = pattern(SIGNS, at)
    if (signs) return { value: (signs.value.startsWith('+') ? 1.1 : 0.9) ** signs.value.length, end: signs.end }
    const number = pattern(NUMBER, at)
    return number && { value: Number(number.value), end: number.end }
  }
  const explicitAttention: Rule<Node[]> = (at) => {
    const what = target(at)
    const open = literal('(', literal('.attend', what?.end))
    const weight = open === undefined ? undefined : weightOperator(open)
    const end = literal(')', weight?.end)
    return what && weight && end !== undefined
      ? { value: [{ type: 'attention', weight: weight.value, children: what.value }], end }
      : undefined
  }
  /** The operator follows at once: `word +` is text. */
  const implicitAttention =
    (what: Rule<Node[]>, allowsNumber: boolean): Rule<Node[]> =>
    (at) => {
      const match = what(at)
      if (!match || skip(match.end) > match.end) return undefined
      SIGNS.lastIndex = match.end
      if (!allowsNumber && !SIGNS.test(text)) return undefined
      const weight = weightOperator(match.end)
      return weight && { value: [{ type: 'attention', weight: weight.value, children: match.value }], end: weight.end }
    }
  const attention = remembered(
    firstOf(explicitAttention, implicitAttention(firstOf(quoted, parenthesized), true), implicitAttention(word, false)),
  )
  const lora: Rule<Node[]> = (at) => {
    const name = pattern(KEYWORD, literal('(', literal('useLora', at) ?? literal('withLora', at)) ?? text.length)
    if (!name) return undefined
    const comma = literal(',', name.end)
    const weight = comma === undefined ? undefined : pattern(NUMBER, comma)
    const end = literal(')', weight?.end ?? name.end)
    return end === undefined ? undefined : { value: [{ type: 'lora' }], end }
  }
  const option: Rule<string> = (at) => {
    const name = pattern(KEYWORD, at)
    const equals = literal('=', name?.end)
    const value = equals === undefined ? undefined : (pattern(NUMBER, equals) ?? pattern(KEYWORD, equals))
    return value ?? pattern(NUMBER, at) ?? name
  }
  const listOf = <T>(item: Rule<T>, at: number): Match<T[]> => {
    let match = item(at)
    if (!match) return undefined
    const value = [match.value]
    for (;;) {
      const { end } = match
      const comma = literal(',', end)
      match = comma === undefined ? undefined : item(comma)
      if (!match) return { value, end }
      value.push(match.value)
    }
  }
  const options = (at: number): { value: string[]; end: number } => listOf(option, at) ?? { value: [], end: at }
  const swap: Rule<Node[]> = (at) => {
    const what = target(at)
    const open = literal('(', literal('.swap', what?.end))
    if (!what || open === undefined) return undefined
    const edited = many(wordyPart, open)
    const comma = literal(',', edited.end)
    const end = literal(')', comma === undefined ? edited.end : options(comma).end)
    return end === undefined
      ? undefined
      : { value: [{ type: 'swap', original: what.value, edited: edited.value }], end }
  }
  const wordyPart: Rule<Node[]> = (at) => firstOf(lora, attention, swap, parenthesized, quoted, word)(at)
  const fragmentPart: Rule<Node[]> = (at) => wordyPart(at) ?? punctuation(at)
  const promptPart = firstOf(swap, lora, attention, quoted, parenthesized, freeWord, space)

  /** `(target, target …).operator(options)` */
  const combination =
    (...operators: string[]): Rule<{ targets: Node[][]; options: string[] }> =>
    (at) => {
      const open = literal('(', at)
      const targets = open === undefined ? undefined : listOf(firstOf(target, quotedPrompt), open)
      const close = literal(')', targets?.end)
      const operator = operators.map((name) => literal(name, close)).find((end) => end !== undefined)
      const start = literal('(', operator)
      if (!targets || start === undefined) return undefined
      const given = options(start)
      const end = literal(')', given.end)
      return end === undefined ? undefined : { value: { targets: targets.value, options: given.value }, end }
    }

  return {
    text,
    conjunction: (at) => {
      const match = combination('.and', '.add')(at)
      return (
        match && { value: { targets: match.value.targets, weights: match.value.options.map(toWeight) }, end: match.end }
      )
    },
    blend: (at) => {
      const match = combination('.blend')(at)
      if (!match) return undefined
      const { targets, options: given } = match.value
      const normalize = given.at(-1) !== 'no_normalize'
      const weights = (normalize ? given : given.slice(0, -1)).map(toWeight)
      return { value: { targets, weights, normalize }, end: match.end }
    },
    loras: (at) => {
      const match = many(lora, at)
      return match.value.length > 0 ? match : undefined
    },
    prompt: (at) => many(promptPart, at),
    wholeFragment: () => {
      const { value, end } = many(fragmentPart, 0)
      return skip(end) === text.length ? value : undefined
    },
    wholePrompt: () => {
      const { value, end } = many(promptPart, 0)
      return skip(end) === text.length ? value : undefined
    },
  }
}

function parseConjunction(grammar: Grammar): ParsedPrompt {
  const explicit = grammar.conjunction(0)
  // Text after `.and(…)` is not read.
  if (explicit) return weighted(explicit.value.targets.map(flatten), explicit.value.weights)
  const start = grammar.loras(0)?.end ?? 0
  const blend = grammar.blend(start)
  const body = blend ?? grammar.prompt(start)
  const end = grammar.loras(body.end)?.end ?? body.end
  if (grammar.text.slice(end).trim() !== '') throw new UnreadablePrompt()
  if (!blend) return weighted([flatten(body.value as Node[])], [])
  const { targets, weights, normalize } = blend.value
  const prompts = targets.map(flatten).filter((prompt) => prompt.length > 0)
  if (weights.length > 0 && weights.length !== targets.length) throw new UnreadablePrompt()
  // Mixing a prompt with another that swaps words has no meaning.
  if (prompts.length !== targets.length || prompts.flat().some((part) => 'edited' in part)) throw new UnreadablePrompt()
  const blended: BlendedPrompts = { prompts, weights: weights.length > 0 ? weights : prompts.map(() => 1), normalize }
  return [{ prompt: blended, weight: 1 }]
}

function weighted(prompts: readonly FlatPrompt[], weights: readonly number[]): ParsedPrompt {
  if (weights.length > 0 && weights.length !== prompts.length) throw new UnreadablePrompt()
  const parts = prompts
    .map((prompt, index) => ({ prompt, weight: weights[index] ?? 1 }))
    .filter(({ prompt }) => prompt.length > 0)
  if (parts.length === 0) throw new UnreadablePrompt()
  return parts
}

/** Multiplies the weights out and joins neighbours of equal weight. */
function flatten(nodes: readonly Node[]): FlatPrompt {
  const flat = nodes.flatMap((node) => unfold(node, 1))
  const joined: FlatPrompt = []
  for (const part of flat) {
    const last = joined.at(-1)
    if ('edited' in part) joined.push({ original: join(part.original), edited: join(part.edited) })
    else if (last && 'weight' in last && last.weight === part.weight)
      joined[joined.length - 1] = { text: `${last.text} ${part.text}`, weight: last.weight }
    else joined.push(part)
  }
  return joined
}

const join = (fragments: readonly WeightedFragment[]): WeightedFragment[] =>
  flatten(
    fragments.map(({ text, weight }) => ({ type: 'attention', weight, children: [{ type: 'text', text }] })),
  ) as WeightedFragment[]

function unfold(node: Node, scale: number): FlatPrompt {
  switch (node.type) {
    case 'text':
      return [{ text: node.text, weight: scale }]
    case 'attention':
      return node.children.flatMap((child) => unfold(child, scale * node.weight))
    case 'swap': {
      const inner = (nodes: readonly Node[]) =>
        nodes.flatMap((child) => unfold(child, scale)).flatMap((part) => ('edited' in part ? part.original : [part]))
      return [{ original: inner(node.original), edited: inner(node.edited) }]
    }
    case 'lora':
      return []
  }
}

/** Escaped brackets and quotes are text without their backslash; other backslashes stay. */
const textNode = (text: string): Node => ({
  type: 'text',
  text: text.replaceAll('\\(', '(').replaceAll('\\)', ')').replaceAll('\\"', '"'),
})

function toWeight(option: string): number {
  const weight = Number(option)
  if (!Number.isFinite(weight)) throw new UnreadablePrompt()
  return weight
}

/** Leaves the grammar from any depth; never seen outside this module. */
class UnreadablePrompt extends Error {}
