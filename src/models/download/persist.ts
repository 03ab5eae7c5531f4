import { randomInt } from 'node:crypto'
import type { Clock } from '../../base/clock.js'
import { ModelDownloadInterruptedError } from '../modelErrors.js'
import { TemporaryFailure } from './temporaryFailure.js'

export type PersistOptions = {
  clock: Clock
  signal: AbortSignal
  /** Host, for the message. */
  server: string
  /** Failures in a row after which to give up; what was gained in between starts the count anew. */
  attempts: number
  /** Called before each pause. */
  onRetry?(retry: { reason: string; delayMs: number }): void
}

const FIRST_DELAY_MS = 500
const MAXIMUM_DELAY_MS = 30_000
/** A server may ask for more patience than ours, but not for any. */
const MAXIMUM_RETRY_AFTER_MS = 300_000

/**
 * Repeats an attempt while it fails for the moment: with exponential back-off and jitter, or as long as the server asks.
 *
 * @param attempt is told by `progress()` that something was gained.
 * @throws ModelDownloadInterruptedError, or what else the attempt throws.
 */
export async function persist<T>(
  attempt: (hooks: { progress(): void }) => Promise<T>,
  { clock, signal, server, attempts, onRetry }: PersistOptions,
): Promise<T> {
  let failures = 0
  const progress = () => {
    failures = 0
  }
  while (true) {
    signal.throwIfAborted()
    try {
      return await attempt({ progress })
    } catch (error) {
      if (signal.aborted) throw signal.reason
      if (!(error instanceof TemporaryFailure)) throw error
      failures++
      if (failures >= attempts) {
        throw new ModelDownloadInterruptedError(`${server} ${error.message}`, {
          remedy:
            'What has come is kept: run the command again when the network or the server is well, and it goes on.',
          details: { server, attempts: failures },
          cause: error,
        })
      }
      const ceiling = Math.min(MAXIMUM_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1))
      const delayMs = Math.min(error.retryAfterMs ?? randomInt(ceiling / 2, ceiling + 1), MAXIMUM_RETRY_AFTER_MS)
      onRetry?.({ reason: error.message, delayMs })
      await clock.sleep(delayMs, signal)
    }
  }
}
