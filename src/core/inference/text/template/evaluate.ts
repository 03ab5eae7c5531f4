import { FILTERS } from './filters.js'
import { methodOf } from './methods.js'
import { pythonText } from './pythonText.js'
import { contains, TESTS } from './tests.js'
import {
  compare,
  equal,
  fail,
  isFloat,
  itemsOf,
  makeNumber,
  Namespace,
  numberOf,
  PythonFloat,
  TemplateComplaint,
  type TemplateFunction,
  TemplateProblem,
  Tuple,
  truth,
  typeName,
  type Value,
} from './value.js'

/** A node of the syntax tree that `@huggingface/jinja` parses a template into. */
export type Node = { readonly type: string; readonly [name: string]: unknown }

/** Variables, with those of the surrounding block behind them. */
class Scope {
  readonly #own = new Map<string, Value>()
  readonly #outer: Scope | undefined

  constructor(outer?: Scope) {
    this.#outer = outer
  }

  get(name: string): Value {
    return this.#own.has(name) ? this.#own.get(name) : this.#outer?.get(name)
  }

  set(name: string, value: Value): void {
    this.#own.set(name, value)
  }
}

/** Leaves an iteration; what it has printed so far stays printed. */
class LoopExit extends TemplateProblem {
  printed = ''
  constructor(readonly kind: 'break' | 'continue') {
    super(`${kind} outside a loop`)
  }
}

const NO_NAMES: ReadonlyMap<string, Value> = new Map()

/**
 * Renders a parsed template as Jinja2 does in the original, where Python prints values and does arithmetic. (The interpreter of
 * `@huggingface/jinja` prints `true` for `True`, cannot trim `None`, and loses what an iteration printed before `continue`.)
 *
 * @throws TemplateProblem and other errors for what cannot be evaluated.
 */
export function evaluateTemplate(program: Node, variables: ReadonlyMap<string, Value>): string {
  const scope = new Scope()
  for (const [name, value] of [...GLOBALS, ...variables]) scope.set(name, value)
  return block(program.body as Node[], scope)
}

const complain = (message: string): never => {
  throw new TemplateComplaint(message)
}

const GLOBALS: readonly (readonly [string, Value])[] = [
  ['raise_exception', ([message]) => complain(pythonText(message))],
  ['range', (args) => range(args.map((value) => numberOf(value) ?? fail('range needs numbers')))],
  ['namespace', (_args, named) => new Namespace(new Map(named))],
  ['dict', (_args, named) => new Map(named)],
]

function range(bounds: number[]): Value[] {
  const [start = 0, stop = 0, step = 1] = bounds.length === 1 ? [0, bounds[0]] : bounds
  if (step === 0) return fail('range() arg 3 must not be zero')
  const count = Math.max(0, Math.ceil((stop - start) / step))
  if (count > MAXIMUM_RANGE) return fail('range is too long')
  return Array.from({ length: count }, (_, index) => start + index * step)
}

const MAXIMUM_RANGE = 100_000

function block(nodes: readonly Node[], scope: Scope): string {
  let printed = ''
  try {
    for (const node of nodes) printed += statement(node, scope)
  } catch (error) {
    if (error instanceof LoopExit) error.printed = printed + error.printed
    throw error
  }
  return printed
}

/** What a statement prints. */
function statement(node: Node, scope: Scope): string {
  switch (node.type) {
    case 'Comment':
      return ''
    case 'If':
      return block((truth(evaluate(node.test as Node, scope)) ? node.body : node.alternate) as Node[], scope)
    case 'For':
      return loop(node, scope)
    case 'Break':
      throw new LoopExit('break')
    case 'Continue':
      throw new LoopExit('continue')
    case 'Set':
      assign(
        node.assignee as Node,
        node.value ? evaluate(node.value as Node, scope) : block(node.body as Node[], new Scope(scope)),
        scope,
      )
      return ''
    case 'Macro':
      scope.set((node.name as Node).value as string, macro(node.args as Node[], node.body as Node[], scope))
      return ''
    case 'CallStatement':
      return pythonText(
        callFunction(node.call as Node, scope, macro((node.callerArgs ?? []) as Node[], node.body as Node[], scope)),
      )
    case 'FilterStatement':
      return pythonText(applyFilter(block(node.body as Node[], scope), node.filter as Node, scope))
    default:
      return pythonText(evaluate(node, scope))
  }
}

function loop(node: Node, scope: Scope): string {
  const iterable = node.iterable as Node
  const filtered = iterable.type === 'SelectExpression'
  const source = evaluate((filtered ? iterable.lhs : iterable) as Node, scope)
  const items = itemsOf(source).filter((item) => {
    if (!filtered) return true
    const inner = new Scope(scope)
    assign(node.loopvar as Node, item, inner)
    return truth(evaluate(iterable.test as Node, inner))
  })
  if (items.length === 0) return block(node.defaultBlock as Node[], scope)
  let printed = ''
  for (const [index, item] of items.entries()) {
    const inner = new Scope(scope)
    inner.set('loop', loopFacts(items, index))
    assign(node.loopvar as Node, item, inner)
    try {
      printed += block(node.body as Node[], inner)
    } catch (error) {
      if (!(error instanceof LoopExit)) throw error
      printed += error.printed
      if (error.kind === 'break') break
    }
  }
  return printed
}

const loopFacts = (items: readonly Value[], index: number): Value =>
  new Namespace(
    new Map<string, Value>([
      ['index', index + 1],
      ['index0', index],
      ['revindex', items.length - index],
      ['revindex0', items.length - index - 1],
      ['first', index === 0],
      ['last', index === items.length - 1],
      ['length', items.length],
      ['previtem', items[index - 1]],
      ['nextitem', items[index + 1]],
      ['cycle', (args) => args[index % args.length]],
    ]),
  )

function assign(target: Node, value: Value, scope: Scope): void {
  if (target.type === 'Identifier') {
    scope.set(target.value as string, value)
  } else if (target.type === 'TupleLiteral') {
    const names = target.value as Node[]
    const values = itemsOf(value)
    if (names.length !== values.length) fail(`${values.length} values cannot be given to ${names.length} names`)
    for (const [index, name] of names.entries()) assign(name, values[index], scope)
  } else {
    const object = target.type === 'MemberExpression' ? evaluate(target.object as Node, scope) : undefined
    const { entries } = object instanceof Namespace ? object : fail('only attributes of a namespace can be set')
    entries.set((target.property as Node).value as string, value)
  }
}

function macro(parameters: readonly Node[], body: readonly Node[], scope: Scope): TemplateFunction {
  return (args, named) => {
    const inner = new Scope(scope)
    for (const [index, parameter] of parameters.entries()) {
      const optional = parameter.type === 'KeywordArgumentExpression'
      const name = (optional ? (parameter.key as Node).value : parameter.value) as string
      const given = index < args.length ? args[index] : named.get(name)
      inner.set(name, given === undefined && optional ? evaluate(parameter.value as Node, inner) : given)
    }
    if (named.has('caller')) inner.set('caller', named.get('caller'))
    return block(body, inner)
  }
}

function evaluate(node: Node, scope: Scope): Value {
  switch (node.type) {
    case 'IntegerLiteral':
    case 'StringLiteral':
      return node.value as Value
    case 'FloatLiteral':
      return makeNumber(node.value as number, true)
    case 'ArrayLiteral':
      return (node.value as Node[]).map((item) => evaluate(item, scope))
    case 'TupleLiteral':
      return Tuple.from((node.value as Node[]).map((item) => evaluate(item, scope)))
    case 'ObjectLiteral':
      return new Map(
        [...(node.value as Map<Node, Node>)].map(([key, value]) => [
          pythonText(evaluate(key, scope)),
          evaluate(value, scope),
        ]),
      )
    case 'Identifier':
      return identifier(node.value as string, scope)
    case 'MemberExpression':
      return member(node, scope)
    case 'CallExpression':
      return callFunction(node, scope)
    case 'UnaryExpression':
      return unary(node, scope)
    case 'BinaryExpression':
      return binary(node, scope)
    case 'FilterExpression':
      return applyFilter(evaluate(node.operand as Node, scope), node.filter as Node, scope)
    case 'TestExpression': {
      const name = (node.test as Node).value as string
      const test = TESTS.get(name) ?? fail(`there is no test '${name}'`)
      return test(evaluate(node.operand as Node, scope)) !== node.negate
    }
    case 'SelectExpression':
      return truth(evaluate(node.test as Node, scope)) ? evaluate(node.lhs as Node, scope) : undefined
    case 'Ternary':
      return evaluate((truth(evaluate(node.condition as Node, scope)) ? node.trueExpr : node.falseExpr) as Node, scope)
    default:
      return fail(`a template cannot contain ${node.type}`)
  }
}

const CONSTANTS: ReadonlyMap<string, Value> = new Map<string, Value>([
  ['true', true],
  ['True', true],
  ['false', false],
  ['False', false],
  ['none', null],
  ['None', null],
])

const identifier = (name: string, scope: Scope): Value => (CONSTANTS.has(name) ? CONSTANTS.get(name) : scope.get(name))

function member(node: Node, scope: Scope): Value {
  const object = evaluate(node.object as Node, scope)
  const property = node.property as Node
  if (node.computed && property.type === 'SliceExpression') return slice(object, property, scope)
  if (object === undefined) return fail(`a part of something undefined is asked for`)
  if (node.computed) return subscript(object, evaluate(property, scope))
  const name = property.value as Value
  // As in Jinja, `a.name` looks for a method first, `a['name']` for an entry.
  if (typeof name === 'string') {
    const method = methodOf(object, name)
    if (method) return method
  }
  return subscript(object, name)
}

function subscript(object: Value, key: Value): Value {
  if (typeof key === 'string') {
    if (object instanceof Map) return object.has(key) ? object.get(key) : methodOf(object, key)
    if (object instanceof Namespace) return object.entries.get(key)
    return methodOf(object, key)
  }
  const index = numberOf(key)
  if (index === undefined) return undefined
  if (Array.isArray(object)) return object.at(index)
  return typeof object === 'string' ? [...object].at(index) : undefined
}

/** Python's slices, negative steps included. */
function slice(object: Value, node: Node, scope: Scope): Value {
  const bound = (part: unknown): number | undefined => {
    const value = part ? evaluate(part as Node, scope) : null
    return value === null || value === undefined ? undefined : (numberOf(value) ?? fail('slice bounds must be numbers'))
  }
  const items = typeof object === 'string' || Array.isArray(object) ? [...object] : fail('this value has no slices')
  const step = bound(node.step) ?? 1
  if (step === 0) return fail('slice step cannot be zero')
  const limit = (value: number | undefined, fallback: number): number => {
    if (value === undefined) return fallback
    const place = value < 0 ? value + items.length : value
    return step > 0 ? Math.min(Math.max(place, 0), items.length) : Math.min(Math.max(place, -1), items.length - 1)
  }
  const [start, stop] = [
    limit(bound(node.start), step > 0 ? 0 : items.length - 1),
    limit(bound(node.stop), step > 0 ? items.length : -1),
  ]
  const taken: Value[] = []
  for (let at = start; step > 0 ? at < stop : at > stop; at += step) taken.push(items[at])
  return typeof object === 'string' ? taken.join('') : taken
}

function argumentsOf(nodes: readonly Node[], scope: Scope): { args: Value[]; named: Map<string, Value> } {
  const args: Value[] = []
  const named = new Map<string, Value>()
  for (const node of nodes) {
    if (node.type === 'KeywordArgumentExpression')
      named.set((node.key as Node).value as string, evaluate(node.value as Node, scope))
    else if (node.type === 'SpreadExpression') args.push(...itemsOf(evaluate(node.argument as Node, scope)))
    else if (node.type === 'KeywordSpreadExpression') {
      const more = evaluate(node.argument as Node, scope)
      if (more instanceof Map) for (const [name, value] of more) named.set(name, value)
    } else args.push(evaluate(node, scope))
  }
  return { args, named }
}

/** @param caller what a macro finds under that name when it is called with a block. */
function callFunction(node: Node, scope: Scope, caller?: TemplateFunction): Value {
  const callee = node.callee as Node
  const called = evaluate(callee, scope)
  if (typeof called !== 'function') {
    const name = callee.type === 'Identifier' ? callee.value : (callee.property as Node | undefined)?.value
    return fail(`'${String(name)}' is undefined or cannot be called`)
  }
  const { args, named } = argumentsOf(node.args as Node[], scope)
  if (caller) named.set('caller', caller)
  return called(args, named)
}

function applyFilter(value: Value, node: Node, scope: Scope): Value {
  const called = node.type === 'CallExpression'
  const name = (called ? (node.callee as Node).value : node.value) as string
  const filter = FILTERS.get(ALIASES.get(name) ?? name) ?? fail(`there is no filter '${name}'`)
  const { args, named } = called ? argumentsOf(node.args as Node[], scope) : { args: [], named: NO_NAMES }
  return filter(value, args, named)
}

const ALIASES: ReadonlyMap<string, string> = new Map([['d', 'default']])

function unary(node: Node, scope: Scope): Value {
  const value = evaluate(node.argument as Node, scope)
  const operator = (node.operator as { value: string }).value
  if (operator === 'not') return !truth(value)
  const number = numberOf(value) ?? fail(`${operator} needs a number, not ${typeName(value)}`)
  return makeNumber(operator === '-' ? -number : number, isFloat(value))
}

function binary(node: Node, scope: Scope): Value {
  const operator = (node.operator as { value: string }).value
  const left = evaluate(node.left as Node, scope)
  if (operator === 'and') return truth(left) ? evaluate(node.right as Node, scope) : left
  if (operator === 'or') return truth(left) ? left : evaluate(node.right as Node, scope)
  const right = evaluate(node.right as Node, scope)
  switch (operator) {
    case '==':
      return equal(left, right)
    case '!=':
      return !equal(left, right)
    case '<':
      return compare(left, right) < 0
    case '<=':
      return compare(left, right) <= 0
    case '>':
      return compare(left, right) > 0
    case '>=':
      return compare(left, right) >= 0
    case 'in':
      return contains(right, left)
    case 'not in':
      return !contains(right, left)
    case '~':
      return pythonText(left) + pythonText(right)
    default:
      return arithmetic(operator, left, right)
  }
}

function arithmetic(operator: string, left: Value, right: Value): Value {
  if (operator === '+' && typeof left === 'string' && typeof right === 'string') return left + right
  if (operator === '+' && Array.isArray(left) && Array.isArray(right)) return [...left, ...right]
  if (operator === '*' && typeof left === 'string') return left.repeat(times(right))
  if (operator === '*' && typeof right === 'string') return right.repeat(times(left))
  const [a, b] = [numberOf(left), numberOf(right)]
  if (a === undefined || b === undefined)
    return fail(`unsupported operands of ${operator}: ${typeName(left)} and ${typeName(right)}`)
  const float = isFloat(left) || isFloat(right)
  if ((operator === '/' || operator === '//' || operator === '%') && b === 0) return fail('division by zero')
  switch (operator) {
    case '+':
      return makeNumber(a + b, float)
    case '-':
      return makeNumber(a - b, float)
    case '*':
      return makeNumber(a * b, float)
    case '/':
      return makeNumber(a / b, true)
    case '//':
      return makeNumber(Math.floor(a / b), float)
    case '%':
      // The remainder has the divisor's sign.
      return makeNumber(a - b * Math.floor(a / b), float)
    case '**':
      return makeNumber(a ** b, float || b < 0)
    default:
      return fail(`there is no operator ${operator}`)
  }
}

/** How often a text is repeated; bounded, because a template must not fill the memory. */
function times(value: Value): number {
  const count = value instanceof PythonFloat ? undefined : numberOf(value)
  if (count === undefined || count > MAXIMUM_RANGE) return fail('a text cannot be repeated so often')
  return Math.max(0, count)
}
