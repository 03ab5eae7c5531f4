/** Something to sleep on until news arrives from anywhere. */
export type Wake = {
  /** Wakes whoever sleeps. */
  notify(): void
  /**
   * The next news after this call. Taken *before* reading the state, so that news that comes while reading is not slept through.
   */
  next(): Promise<void>
}

/** Creates a wake-up call. */
export function createWake(): Wake {
  let resolveNext: () => void = () => {}
  let upcoming = new Promise<void>((resolve) => {
    resolveNext = resolve
  })
  return {
    notify: () => {
      resolveNext()
      upcoming = new Promise((resolve) => {
        resolveNext = resolve
      })
    },
    next: () => upcoming,
  }
}

/** Waits for a promise or the signal, whichever is first; rejects with the signal's reason. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  let stop: () => void = () => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
