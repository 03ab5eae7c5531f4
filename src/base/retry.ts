import { randomInt } from 'node:crypto'
import type { Clock } from './clock.js'

export type RetryOptions = {
  clock: Clock
  signal?: AbortSignal
  /** How often `attempt` is called at the most. */
  attempts?: number
  firstDelayMs?: number
  maxDelayMs?: number
  /** Whether this failure may pass by itself. Only idempotent work belongs here at all. */
  isTemporary?: (error: unknown) => boolean
}

/** Calls `attempt` until it succeeds, with exponential back-off and full jitter, and rethrows the last failure. */
export async function retry<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { clock, signal, attempts = 5, firstDelayMs = 200, maxDelayMs = 5_000, isTemporary = () => true } = options
  for (let failures = 1; ; failures++) {
    signal?.throwIfAborted()
    try {
      return await attempt()
    } catch (error) {
      if (failures >= attempts || signal?.aborted || !isTemporary(error)) throw error
      const ceiling = Math.min(maxDelayMs, firstDelayMs * 2 ** (failures - 1))
      await clock.sleep(randomInt(Math.ceil(ceiling / 2), ceiling + 1), signal)
    }
  }
}
