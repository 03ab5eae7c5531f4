import type { GraphNode, Initializer, ModelIndex } from './modelIndex.js'

/** The weight of one module (a Linear or a convolution) of the network that was exported. */
export type ModuleWeight = {
  initializer: Initializer
  /** `outIn` as torch stores it, also for convolutions ([out, in, height, width]); `inOut` transposed, as MatMul wants it. */
  layout: 'outIn' | 'inOut'
  /** Modules that use the same numbers, itself included. */
  sharedBy: number
}

/** Operations with a weight as their second input, with its layout. */
const WEIGHTED: Readonly<Record<string, (node: GraphNode) => ModuleWeight['layout']>> = {
  MatMul: () => 'inOut',
  Gemm: ({ integers }) => (integers.get('transB') === 1 ? 'outIn' : 'inOut'),
  Conv: () => 'outIn',
}

/** Operations on quantised weights, with the input that is the weight. */
const QUANTISED: Readonly<Record<string, number>> = {
  MatMulInteger: 1,
  ConvInteger: 1,
  MatMulNBits: 1,
  MatMulBnb4: 1,
  DynamicQuantizeMatMul: 1,
  MatMulIntegerToFloat: 1,
  QLinearMatMul: 3,
  QLinearConv: 3,
}

/** Operations through which a weight reaches its user unchanged, or transposed. */
const PASSED_ON = new Set(['Cast', 'Identity', 'Transpose', 'DequantizeLinear'])
const MAXIMUM_CHAIN = 8

/**
 * The weights of a graph by the name of their module, e.g. `down_blocks.0.attentions.0.proj_in`.
 *
 * Exporters name an operation after the path of its module (`/down_blocks.0/…/to_q/MatMul`), while the transposed weight of a MatMul
 * has a number for a name; weights of other operations keep the module's name (`….conv1.weight`), which is used where the operation
 * has no path.
 *
 * @param landmark a module that every such network has: what stands before it in a name is where the exporter wrapped the network.
 */
export function moduleWeights({ initializers, nodes }: ModelIndex, landmark: string): Map<string, ModuleWeight> {
  const producers = new Map<string, GraphNode>()
  for (const node of nodes) {
    if (!PASSED_ON.has(node.type)) continue
    for (const output of node.outputs) producers.set(output, node)
  }

  const found = new Map<string, { initializer: Initializer; layout: ModuleWeight['layout'] }>()
  const ambiguous = new Set<string>()
  for (const node of nodes) {
    const layoutOf = Object.hasOwn(WEIGHTED, node.type) ? WEIGHTED[node.type] : undefined
    const position = layoutOf ? 1 : Object.hasOwn(QUANTISED, node.type) ? QUANTISED[node.type] : undefined
    const input = position === undefined ? undefined : node.inputs[position]
    if (input === undefined) continue
    const origin = traceBack(input, producers, initializers)
    if (!origin) continue
    const module = moduleName(node, origin.initializer)
    if (module === undefined) continue
    const layout = layoutOf?.(node) ?? 'inOut'
    const weight = {
      initializer: layoutOf ? origin.initializer : ({ ...origin.initializer, type: 'other' } as const),
      layout: origin.transposed === (layout === 'outIn') ? ('inOut' as const) : ('outIn' as const),
    }
    const known = found.get(module)
    if (known && (known.initializer.name !== weight.initializer.name || known.layout !== weight.layout)) {
      ambiguous.add(module)
    }
    found.set(module, weight)
  }
  for (const module of ambiguous) found.delete(module)

  const users = new Map<string, number>()
  for (const { initializer } of found.values()) users.set(initializer.name, (users.get(initializer.name) ?? 0) + 1)
  const prefix = prefixBefore(landmark, found.keys())
  return new Map(
    [...found].map(([module, weight]) => [
      module.startsWith(prefix) ? module.slice(prefix.length) : module,
      { ...weight, sharedBy: users.get(weight.initializer.name) ?? 1 },
    ]),
  )
}

function traceBack(
  value: string,
  producers: ReadonlyMap<string, GraphNode>,
  initializers: ReadonlyMap<string, Initializer>,
): { initializer: Initializer; transposed: boolean } | undefined {
  let transposed = false
  let name = value
  for (let step = 0; step < MAXIMUM_CHAIN; step++) {
    const initializer = initializers.get(name)
    if (initializer) return { initializer, transposed }
    const producer = producers.get(name)
    const before = producer?.inputs[0]
    if (!producer || before === undefined) return undefined
    if (producer.type === 'Transpose') transposed = !transposed
    name = before
  }
  return undefined
}

function moduleName(node: GraphNode, initializer: Initializer): string | undefined {
  const path = node.name.split('/').filter((part) => part !== '')
  if (path.length > 1) return path.slice(0, -1).join('.')
  return initializer.name.endsWith('.weight') ? initializer.name.slice(0, -'.weight'.length) : undefined
}

function prefixBefore(landmark: string, modules: Iterable<string>): string {
  for (const module of modules) {
    const at = `.${module}.`.indexOf(`.${landmark}.`)
    if (at >= 0) return module.slice(0, at)
  }
  return ''
}
