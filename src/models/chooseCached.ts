import { InvalidInputError } from '../base/errors.js'
import { type CachedModel, findCached } from './cache/readCache.js'
import { ModelUnavailableError } from './modelErrors.js'
import { parseModelId, repositoryName, shownModelId } from './modelId.js'

/**
 * The cached model that a user means by its id, or by the name of its folder in the cache.
 *
 * @throws InvalidInputError for what no cache can hold, ModelUnavailableError when it is not in this one.
 */
export async function chooseCached(cacheFolder: string, name: string): Promise<CachedModel> {
  const model = parseModelId(name)
  const repository = /^(?:models|urls)--[\w.-]+$/.test(name) ? name : model && repositoryName(model)
  if (repository === undefined) {
    throw new InvalidInputError(`'${shownModelId(name)}' is not a model of the cache`, {
      remedy: '`crynux models list` shows them; embedded models and those of --model-root are not crynux’s to touch.',
    })
  }
  const found = await findCached(cacheFolder, repository)
  if (!found) throw new ModelUnavailableError(name, '`crynux models list` shows what is in the cache.')
  return found
}
