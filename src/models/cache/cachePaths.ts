import { join } from 'node:path'

/** Where one model stands in a cache; the layout is that of huggingface_hub. */
export type RepositoryPaths = {
  root: string
  /** Contents, named by their hashes. */
  blobs: string
  /** `snapshots/<commit>/<path>`: relative links into `blobs`. */
  snapshots: string
  /** `refs/<branch>`: the commit that it stood for. */
  refs: string
  /** What crynux knows of it; other programs do not mind. */
  record: string
  /** Its time of change is that of the last use. */
  used: string
}

/** The paths of a model. */
export function repositoryPaths(cacheFolder: string, repository: string): RepositoryPaths {
  const root = join(cacheFolder, repository)
  return {
    root,
    blobs: join(root, 'blobs'),
    snapshots: join(root, 'snapshots'),
    refs: join(root, 'refs'),
    record: join(root, '.crynux.json'),
    used: join(root, '.crynux-used'),
  }
}

/** Locks and marks; huggingface_hub keeps its own beside them and leaves others alone. */
export const stateFolder = (cacheFolder: string): string => join(cacheFolder, '.locks', 'crynux')
