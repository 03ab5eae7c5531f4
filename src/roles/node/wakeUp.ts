/** A latch that the loop sleeps on: whatever may have changed the state calls `notify`. */
export type WakeUp = {
  notify(): void
  /** Resolves at the next `notify` (at once if one came since the last wait), after `ms`, or when the signal aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>
}

/** Creates a latch with any number of waiters. */
export function createWakeUp(): WakeUp {
  const waiters = new Set<() => void>()
  let pending = false
  return {
    notify() {
      pending = waiters.size === 0
      for (const wake of [...waiters]) wake()
    },
    wait(ms, signal) {
      if (pending || signal.aborted) {
        pending = false
        return Promise.resolve()
      }
      return new Promise((resolve) => {
        const wake = () => {
          clearTimeout(timer)
          signal.removeEventListener('abort', wake)
          waiters.delete(wake)
          resolve()
        }
        const timer = setTimeout(wake, ms)
        signal.addEventListener('abort', wake, { once: true })
        waiters.add(wake)
      })
    },
  }
}
