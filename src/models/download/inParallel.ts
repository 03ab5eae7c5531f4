/**
 * Does a job for each item, some at a time and in order of beginning. At the first failure the others are stopped and waited for.
 *
 * @param job gets a signal that aborts with the given one, or when another job fails.
 */
export async function inParallel<T>(
  items: readonly T[],
  { jobs, signal }: { jobs: number; signal: AbortSignal },
  job: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController()
  const onAbort = () => stop.abort(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  let next = 0
  let failure: { error: unknown } | undefined
  const work = async () => {
    while (next < items.length && !stop.signal.aborted) {
      const item = items[next++] as T
      try {
        await job(item, stop.signal)
      } catch (error) {
        failure ??= { error }
        stop.abort(error)
      }
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(jobs, items.length) }, work))
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
  signal.throwIfAborted()
  if (failure) throw failure.error
}
