import type { Clock } from '../../base/clock.js'
import type { Address } from '../../base/hex.js'
import type { ChainReader } from '../../chain/client.js'
import { readAssignments } from '../../chain/read/assignments.js'
import { readNode } from '../../chain/read/node.js'
import type { SupervisedProcess } from './supervisedProcess.js'

type Waiting = { clock: Clock; signal: AbortSignal; chain: ChainReader }

/**
 * Resolves when a node has joined the network.
 *
 * @throws ProcessEndedError when its process ends first, ProcessTooSlowError
 */
export async function untilJoined(
  { clock, signal, chain }: Waiting,
  { process, address, timeoutMs }: { process: SupervisedProcess; address: Address; timeoutMs: number },
): Promise<void> {
  let hasEnded = false
  void process.ended.then(() => {
    hasEnded = true
  })
  const deadline = clock.now() + timeoutMs
  while ((await readNode(chain, { node: address })).status === 'none') {
    // Waiting for a line that never comes reports an end, or being late, in the same words as everywhere.
    if (hasEnded || clock.now() > deadline) await process.waitForLog(/(?!)/, { clock, signal, timeoutMs: 0 })
    await clock.sleep(100, signal)
  }
}

/** Resolves when each of these nodes has been drawn for some task. */
export async function untilDrawn({ clock, signal, chain }: Waiting, nodes: readonly Address[]): Promise<void> {
  for (const node of nodes) {
    while ((await readAssignments(chain, { node })).length === 0) await clock.sleep(500, signal)
  }
}
