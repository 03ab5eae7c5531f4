import type { CachedModel, SnapshotFile } from './cache/readCache.js'
import type { PullReport } from './modelPuller.js'

/** What a pull says that fetched nothing, because the cache has it all. `model` is the id as the user may see it. */
export const reportPresent = (
  model: string,
  { commit, folder }: CachedModel,
  files: readonly SnapshotFile[],
  { dryRun = false }: { dryRun?: boolean | undefined },
): PullReport => ({
  model,
  commit,
  folder,
  files: files.map(({ path, size = 0 }) => ({ path, bytes: size, fetched: false })),
  bytes: files.reduce((total, { size = 0 }) => total + size, 0),
  fetchedBytes: 0,
  removed: [],
  dryRun,
})
