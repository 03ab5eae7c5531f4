import { rm, stat } from 'node:fs/promises'
import { ModelDownloadError, ModelFormatError, UnsafeUrlError } from '../modelErrors.js'
import type { RepositoryPaths } from './cachePaths.js'

/** Takes away what came of a model that cannot be had, unless a version of it was there before. What was only interrupted stays. */
export async function removeFailed(paths: RepositoryPaths, error: unknown): Promise<void> {
  const isFinal = [ModelDownloadError, ModelFormatError, UnsafeUrlError].some((type) => error instanceof type)
  if (!isFinal || (await stat(paths.snapshots).catch(() => undefined))) return
  await rm(paths.root, { recursive: true, force: true })
}
