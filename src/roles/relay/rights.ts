import { type Address, type Hex, isHex32 } from '../../base/hex.js'
import type { TaskFacts } from './chainFacts.js'
import { RelayProblem } from './problem.js'

/** What a wallet is to a task. One wallet may be several. */
export type TaskRole = 'creator' | 'node' | 'uploader'

export type TaskAccess = { taskId: Hex; task: TaskFacts; roles: ReadonlySet<TaskRole> }

export const sameAddress = (a: string | null, b: string | null): boolean =>
  a !== null && b !== null && a.toLowerCase() === b.toLowerCase()

/** Roles of `caller` in the task, as the chain has it. */
export function rolesOf(task: TaskFacts, caller: Address): ReadonlySet<TaskRole> {
  const roles = new Set<TaskRole>()
  if (sameAddress(task.creator, caller)) roles.add('creator')
  if (task.slots.some((slot) => sameAddress(slot.node, caller))) roles.add('node')
  if (sameAddress(task.uploader, caller)) roles.add('uploader')
  return roles
}

/**
 * Reads the task anew and lets only callers with one of the `allowed` roles pass.
 *
 * A malformed id, a task that does not exist, one that another relay carries and one of strangers give the same answer after the
 * same one read of the chain.
 */
export async function requireRole(
  { readTask, relay }: { readTask(taskId: Hex): Promise<TaskFacts | null>; relay: Address },
  { taskId, caller, allowed }: { taskId: string; caller: Address; allowed: readonly TaskRole[] },
): Promise<TaskAccess> {
  const wellFormed = isHex32(taskId)
  const id = (wellFormed ? taskId.toLowerCase() : `0x${'0'.repeat(64)}`) as Hex
  const task = await readTask(id)
  if (!wellFormed || !task || !sameAddress(task.relay, relay)) throw new RelayProblem('not-found')
  const roles = rolesOf(task, caller)
  if (!allowed.some((role) => roles.has(role))) throw new RelayProblem('not-found')
  return { taskId: id, task, roles }
}
