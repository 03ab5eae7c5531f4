import { CrynuxError, EXIT } from '../base/errors.js'
import { listCached } from './cache/readCache.js'
import { type VerifiedModel, verifyCached } from './cache/verifyCached.js'
import { chooseCached } from './chooseCached.js'
import { shownModelId } from './modelId.js'

/** Hashes the named models of a cache, or all of them. */
export async function verifyModels(
  cacheFolder: string,
  names: readonly string[],
  { signal, onModel }: { signal: AbortSignal; onModel?: (model: string) => void },
): Promise<VerifiedModel[]> {
  const chosen =
    names.length === 0
      ? await listCached(cacheFolder)
      : await Promise.all(names.map((name) => chooseCached(cacheFolder, name)))
  const verified: VerifiedModel[] = []
  for (const model of chosen) {
    const id = shownModelId(model.id)
    onModel?.(id)
    verified.push({ ...(await verifyCached(model, { signal })), id })
  }
  return verified
}

/** @throws DamagedModelError for the first damaged file. */
export function requireSound(models: readonly VerifiedModel[]): void {
  const damaged = models.filter((model) => model.damaged.length > 0)
  const [first] = damaged
  if (first) throw new DamagedModelError(first, damaged)
}

/** Files of a model are not what was fetched: exit status 12. */
export class DamagedModelError extends CrynuxError {
  override readonly code = 'CRYNUX_MODEL_DAMAGED'
  override readonly exitCode = EXIT.modelUnavailable

  constructor({ id, damaged }: VerifiedModel, all: readonly VerifiedModel[]) {
    const count = all.reduce((sum, model) => sum + model.damaged.length, 0)
    const more = count > 1 ? ` (and ${count - 1} more)` : ''
    super(`file ${damaged[0]?.path} of model '${id}' is ${damaged[0]?.damage}${more}`, {
      remedy: `Fetch it again: \`crynux models pull ${id} --check\`.`,
      details: { model: id, file: damaged[0]?.path ?? '', damagedFiles: count },
    })
  }
}
