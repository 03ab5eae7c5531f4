import { diskUse } from './cache/readCache.js'
import { removeCached } from './cache/removeCached.js'
import { chooseCached } from './chooseCached.js'
import { ModelInUseError } from './modelErrors.js'
import { shownModelId } from './modelId.js'

export type RemovedModel = { model: string; bytes: number }

/**
 * Removes models from the cache; nothing is removed when one of the names is wrong.
 *
 * @throws InvalidInputError, ModelUnavailableError, ModelInUseError
 */
export async function removeModels(
  cacheFolder: string,
  names: readonly string[],
  { force }: { force: boolean },
): Promise<RemovedModel[]> {
  const chosen = new Map<string, string>()
  for (const name of names) {
    const { repository, id } = await chooseCached(cacheFolder, name)
    chosen.set(repository, id)
  }
  const removed: RemovedModel[] = []
  for (const [repository, id] of chosen) {
    const bytes = await diskUse(cacheFolder, repository)
    if (!(await removeCached(cacheFolder, repository, { force }))) {
      throw new ModelInUseError(id, 'is in use, or being fetched', {
        remedy: force
          ? 'Wait until it is fetched, or stop that.'
          : 'End the process that works with it, or give --force.',
      })
    }
    removed.push({ model: shownModelId(id), bytes })
  }
  return removed
}
