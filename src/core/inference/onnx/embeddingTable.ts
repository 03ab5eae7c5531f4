import type { GraphNode, Initializer, ModelIndex } from './modelIndex.js'

/** Operations through which ids or a table reach their user with their values unchanged. */
const PASSED_ON = new Set(['Cast', 'Identity', 'Reshape', 'Unsqueeze', 'Squeeze', 'Flatten'])
const MAXIMUM_CHAIN = 8

/**
 * The table that a text encoder looks its token ids up in: the tensor [tokens, width] of the Gather whose indices are `input_ids`.
 *
 * @returns undefined where there is none, or more than one
 */
export function embeddingTable({ initializers, nodes }: ModelIndex): Initializer | undefined {
  const producers = new Map<string, GraphNode>()
  for (const node of nodes) {
    if (!PASSED_ON.has(node.type)) continue
    for (const output of node.outputs) producers.set(output, node)
  }
  const origin = (name: string): string => {
    let current = name
    for (let step = 0; step < MAXIMUM_CHAIN; step++) {
      const input = producers.get(current)?.inputs[0]
      if (input === undefined) break
      current = input
    }
    return current
  }
  const found = new Set<Initializer>()
  for (const { type, inputs, integers } of nodes) {
    const [table, indices] = inputs
    if (type !== 'Gather' || table === undefined || indices === undefined || (integers.get('axis') ?? 0) !== 0) continue
    const initializer = initializers.get(origin(table))
    if (initializer?.dims.length === 2 && origin(indices) === 'input_ids') found.add(initializer)
  }
  return found.size === 1 ? [...found][0] : undefined
}
