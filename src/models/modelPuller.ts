import type { Clock } from '../base/clock.js'
import { InvalidInputError } from '../base/errors.js'
import { lockFile } from '../base/fileLock.js'
import { timeoutSignal } from '../base/timeoutSignal.js'
import type { Room } from './cache/makeRoom.js'
import { pullLock } from './cache/useMarks.js'
import type { DownloadDependencies } from './download/downloadFile.js'
import { type NetworkRules, publicInternet } from './download/networkRules.js'
import { createUrlOpener } from './download/openUrl.js'
import type { HubSettings } from './hub/hubSettings.js'
import { ModelDownloadInterruptedError } from './modelErrors.js'
import { parseModelId, repositoryName, shownModelId } from './modelId.js'

/** Fetches models into a cache. */
export type ModelPuller = {
  /**
   * Fetches what is missing of a model; when nothing is, nothing is written. Two processes that pull the same model fetch it once.
   *
   * @throws InvalidInputError, ModelDownloadError, ModelDownloadInterruptedError, ModelFormatError, ModelUnavailableError (offline),
   * NoRoomForModelError, UnsafeUrlError, or the signal's reason.
   */
  pull(id: string, options: PullOptions): Promise<PullReport>
}

export type PullOptions = {
  signal: AbortSignal
  /** Branch, tag or commit of a hub model; default `main`. */
  revision?: string
  /** E.g. `fp16`. */
  variant?: string
  /** Only this file, e.g. one LoRA of several. */
  file?: string
  /** Says what would be fetched, and writes nothing. */
  dryRun?: boolean
  /** Keeps the model from being removed to make room. */
  pin?: boolean
  /** Hashes the files that are there, and fetches those that are damaged. */
  check?: boolean
  onEvent?(event: PullEvent): void
}

/** What happens during a pull. Names and numbers only, for progress views and JSON lines. */
export type PullEvent =
  | { event: 'waiting'; model: string }
  | { event: 'planned'; model: string; files: number; bytes: number; missingBytes: number }
  | { event: 'removed'; model: string; bytes: number }
  | { event: 'progress'; model: string; file: string; bytes: number; totalBytes: number }
  | { event: 'file'; model: string; file: string; bytes: number }
  | { event: 'retry'; model: string; file: string; reason: string; delayMs: number }

export type PulledFile = {
  path: string
  bytes: number
  /** Content that was not there before. */
  fetched: boolean
}

export type PullReport = {
  model: string
  commit: string
  /** The snapshot; null in a dry run. */
  folder: string | null
  files: PulledFile[]
  bytes: number
  fetchedBytes: number
  /** Models that were removed to make room, or would be. */
  removed: Room['evicted']
  dryRun: boolean
}

export type ModelPullerOptions = {
  cacheFolder: string
  /** For what crynux pulls into the cache; undefined: no limit. */
  quotaBytes?: number | undefined
  hub: HubSettings
  clock: Clock
  /** Files that are fetched at the same time. */
  jobs?: number
  rules?: NetworkRules
  stallTimeoutMs?: number
  attempts?: number
  /** The largest file that a URL may give. */
  maximumUrlBytes?: number
  /** How long the file of a URL may take, ms. */
  maximumUrlMs?: number
  /** Free bytes of the cache's disk. */
  freeBytes?: ((folder: string) => Promise<number>) | undefined
}

/** What the ways of pulling work with. */
export type PullContext = DownloadDependencies &
  Required<Pick<ModelPullerOptions, 'jobs' | 'maximumUrlBytes'>> &
  Pick<ModelPullerOptions, 'cacheFolder' | 'quotaBytes' | 'freeBytes' | 'hub'> & {
    repository: string
    options: PullOptions
    emit(event: PullEvent): void
  }

/** Creates a puller. */
export function createModelPuller(puller: ModelPullerOptions): ModelPuller {
  const {
    cacheFolder,
    hub,
    clock,
    jobs = 4,
    rules = publicInternet,
    stallTimeoutMs = 30_000,
    attempts = 6,
    maximumUrlBytes = 20e9,
    maximumUrlMs = 6 * 3_600_000,
  } = puller

  return {
    async pull(id, options) {
      const model = parseModelId(id)
      const repository = model && repositoryName(model)
      if (!model || repository === undefined || model.kind === 'embedded') throw notPullable(id)
      const limit = model.kind === 'url' ? timeoutSignal(maximumUrlMs) : undefined
      const signal = limit ? AbortSignal.any([options.signal, limit]) : options.signal
      const opener = createUrlOpener({
        rules,
        answerTimeoutMs: stallTimeoutMs,
        trustedOrigin: model.kind === 'hub' ? hub.endpoint.origin : undefined,
        credentials: model.kind === 'hub' && hub.token ? { origin: hub.endpoint.origin, token: hub.token } : undefined,
      })
      const context: PullContext = {
        cacheFolder,
        quotaBytes: puller.quotaBytes,
        freeBytes: puller.freeBytes,
        hub,
        clock,
        jobs,
        opener,
        signal,
        stallTimeoutMs,
        attempts,
        maximumUrlBytes,
        repository,
        options,
        emit: (event) => options.onEvent?.(event),
      }
      const [{ pullFromHub }, { pullFromUrl }] = await Promise.all([
        import('./hub/pullFromHub.js'),
        import('./url/pullFromUrl.js'),
      ])
      const fetch = () => (model.kind === 'hub' ? pullFromHub(context, model.id) : pullFromUrl(context, model))
      try {
        if (options.dryRun) return await fetch()
        const lock = await waitForLock(context, id)
        try {
          return await fetch()
        } finally {
          await lock.release()
        }
      } catch (error) {
        if (!limit?.aborted || options.signal.aborted) throw error
        throw new ModelDownloadInterruptedError(
          `'${shownModelId(id)}' takes longer than ${maximumUrlMs / 3_600_000} h`,
          {
            remedy: 'What has come is kept: run the command again, or use a faster server.',
            cause: error,
          },
        )
      } finally {
        opener.close()
      }
    },
  }
}

async function waitForLock({ cacheFolder, repository, clock, signal, emit }: PullContext, id: string) {
  for (let told = false; ; told = true) {
    signal.throwIfAborted()
    const lock = await lockFile(pullLock(cacheFolder, repository))
    if (lock) return lock
    if (!told) emit({ event: 'waiting', model: shownModelId(id) })
    await clock.sleep(200, signal)
  }
}

function notPullable(id: string): InvalidInputError {
  const shown = shownModelId(id)
  if (id.startsWith('embedded:')) {
    return new InvalidInputError(`'${shown}' is part of the program`, { remedy: 'It needs no pull.' })
  }
  return new InvalidInputError(`'${shown}' is not a model id`, {
    remedy: 'Give a hub id such as owner/name, or an https URL of at most 512 characters without name and password.',
  })
}
