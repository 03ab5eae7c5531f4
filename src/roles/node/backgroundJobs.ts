/** Work that goes on beside the loop, at most one job for each key. */
export type BackgroundJobs<K> = {
  has(key: K): boolean
  /** Starts a job, unless the one of this key still runs. Its failure is handed to `onFailure`. */
  start(key: K, job: () => Promise<void>): void
  /** Resolves when nothing runs any more. */
  settled(): Promise<void>
}

/** Creates an empty set of jobs. */
export function createBackgroundJobs<K>({
  onFailure,
  onEnd,
}: {
  /** The job counts as running until this resolves: a pause here keeps a failing job from being tried without end. */
  onFailure(key: K, error: unknown): Promise<void>
  /** Called after each job, whatever became of it. */
  onEnd(): void
}): BackgroundJobs<K> {
  const running = new Map<K, Promise<void>>()
  return {
    has: (key) => running.has(key),
    start(key, job) {
      if (running.has(key)) return
      const run = job()
        .catch((error) => onFailure(key, error))
        .finally(() => {
          running.delete(key)
          onEnd()
        })
      running.set(key, run)
    },
    settled: async () => {
      await Promise.allSettled(running.values())
    },
  }
}
