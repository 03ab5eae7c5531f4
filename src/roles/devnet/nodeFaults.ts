import { InvalidInputError } from '../../base/errors.js'

/** How a node of a devnet misbehaves; the node's own `--fault` decides what it means. */
export const NODE_FAULTS = ['wrong-result', 'silent', 'late', 'copy-commit', 'bad-upload'] as const
export type NodeFault = (typeof NODE_FAULTS)[number]

/** Node number (from 1) → fault. */
export type NodeFaults = ReadonlyMap<number, NodeFault>

/** How many nodes a task needs. */
export const NODES_PER_TASK = 3

/**
 * Parses `3=wrong-result`.
 *
 * @throws InvalidInputError
 */
export function parseNodeFault(text: string): [number, NodeFault] {
  const match = /^(\d{1,3})=(.+)$/.exec(text)
  const fault = NODE_FAULTS.find((known) => known === match?.[2])
  if (!match || !fault || Number(match[1]) < 1) {
    throw new InvalidInputError(`'${text}' is not a fault`, {
      remedy: `Write <node>=<fault>, for example 3=wrong-result. Faults: ${NODE_FAULTS.join(', ')}.`,
    })
  }
  return [Number(match[1]), fault]
}

/**
 * Which nodes serve from the beginning, and which join once every faulty one has been drawn.
 *
 * The draw is random: with four nodes every fourth drill would never meet its cheat. So the faulty nodes and just enough honest
 * ones make up the first task's three, and the others are the spare that keeps the network going afterwards.
 *
 * @throws InvalidInputError when there are too few nodes, or a fault is given to a node that does not exist.
 */
export function divideNodes({ nodes, faults }: { nodes: number; faults: NodeFaults }): {
  first: number[]
  spare: number[]
} {
  if (!Number.isSafeInteger(nodes) || nodes < NODES_PER_TASK || nodes > 100) {
    throw new InvalidInputError(`a devnet of ${nodes} nodes is not possible`, {
      remedy: `A task needs ${NODES_PER_TASK} nodes, so give --nodes a number from ${NODES_PER_TASK} to 100.`,
    })
  }
  for (const number of faults.keys()) {
    if (number > nodes) {
      throw new InvalidInputError(`node ${number} is to be faulty, but there are only ${nodes} nodes`, {
        remedy: `Use a number from 1 to ${nodes}, or more --nodes.`,
      })
    }
  }
  const all = Array.from({ length: nodes }, (_, index) => index + 1)
  if (faults.size === 0) return { first: all, spare: [] }
  const honestFirst = all.filter((number) => !faults.has(number)).slice(0, Math.max(0, NODES_PER_TASK - faults.size))
  const first = all.filter((number) => faults.has(number) || honestFirst.includes(number))
  return { first, spare: all.filter((number) => !first.includes(number)) }
}
