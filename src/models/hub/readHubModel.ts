import type { IncomingHttpHeaders } from 'node:http'
import type { Clock } from '../../base/clock.js'
import type { ContentHash } from '../download/contentHash.js'
import type { UrlOpener } from '../download/openUrl.js'
import { persist } from '../download/persist.js'
import { readBody } from '../download/readBody.js'
import { temporaryStatus } from '../download/temporaryFailure.js'
import { ModelDownloadError } from '../modelErrors.js'
import type { HubSettings } from './hubSettings.js'

/** One file of a model on the hub. */
export type HubFile = {
  /** With `/`; safe as a relative path. */
  path: string
  /** Bytes. */
  size: number
  hash: ContentHash
}

/** A model as it was at one commit. */
export type HubModel = { commit: string; files: HubFile[] }

export type HubDependencies = {
  opener: UrlOpener
  hub: HubSettings
  clock: Clock
  signal: AbortSignal
  attempts: number
  onRetry?(retry: { reason: string; delayMs: number }): void
}

/** Large models have some hundred files; a list of this length is an attack or another kind of repository. */
const MAXIMUM_LIST_BYTES = 32 * 1024 * 1024
const MAXIMUM_FILES = 20_000

/**
 * Asks the hub for a model's files, with their sizes and hashes, at a branch, tag or commit.
 *
 * @throws ModelDownloadError when it does not exist, may not be read, or the answer cannot be right.
 */
export async function readHubModel(
  { opener, hub, clock, signal, attempts, onRetry }: HubDependencies,
  { id, revision }: { id: string; revision: string },
): Promise<HubModel> {
  const url = hubUrl(hub, `api/models/${id}/revision/${encodeURIComponent(revision)}?blobs=true`)
  const body = await persist(
    async () => {
      const { response, status } = await opener.open(url, { signal })
      try {
        if (status !== 200) {
          throw (
            temporaryStatus(status, response.headers, clock.now()) ??
            explainHubStatus({ id, revision, hub })(status, response.headers)
          )
        }
        return await readBody(response, { maximumBytes: MAXIMUM_LIST_BYTES, signal })
      } finally {
        response.destroy()
      }
    },
    { clock, signal, server: hub.endpoint.host, attempts, ...(onRetry ? { onRetry } : {}) },
  )
  return parseAnswer(body, { id, server: hub.endpoint.host })
}

/** The address of one file at a commit. */
export const hubFileUrl = (hub: HubSettings, id: string, commit: string, path: string): URL =>
  hubUrl(hub, `${id}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`)

function hubUrl(hub: HubSettings, path: string): URL {
  const base = hub.endpoint.href
  return new URL(path, base.endsWith('/') ? base : `${base}/`)
}

/** Says what a status of the hub means for the user. */
export const explainHubStatus =
  ({ id, revision, hub }: { id: string; revision: string; hub: HubSettings }) =>
  (status: number, headers: IncomingHttpHeaders): Error => {
    const reason = String(headers['x-error-code'] ?? '')
    const details = { model: id, status }
    if (reason === 'RevisionNotFound') {
      return new ModelDownloadError(`model '${id}' has no revision '${revision}' on ${hub.endpoint.host}`, {
        remedy: 'Name a branch, tag or commit of the model with --revision.',
        details,
      })
    }
    if (reason === 'GatedRepo' || status === 403) {
      return new ModelDownloadError(`model '${id}' is not open to everybody on ${hub.endpoint.host}`, {
        remedy: hub.token
          ? "Accept the model's conditions on its page, with the account that HF_TOKEN belongs to."
          : "Accept the model's conditions on its page, and set HF_TOKEN to a token of your account.",
        details,
      })
    }
    if (status === 401 || status === 404) {
      return new ModelDownloadError(`model '${id}' does not exist on ${hub.endpoint.host}, or is private`, {
        remedy: `Check its name${hub.token ? '' : '; for a private model set HF_TOKEN'}.`,
        details,
      })
    }
    return new ModelDownloadError(`${hub.endpoint.host} answers with status ${status} for model '${id}'`, {
      remedy: 'Check HF_ENDPOINT, or put the model into --model-root.',
      details,
    })
  }

function parseAnswer(body: Buffer, { id, server }: { id: string; server: string }): HubModel {
  const wrong = (complaint: string) =>
    new ModelDownloadError(`what ${server} says of model '${id}' ${complaint}`, {
      remedy: 'Check HF_ENDPOINT, or put the model into --model-root.',
      details: { model: id, server },
    })
  let answer: unknown
  try {
    answer = JSON.parse(body.toString('utf8'))
  } catch {
    throw wrong('is not JSON')
  }
  const { sha, siblings } = (answer ?? {}) as { sha?: unknown; siblings?: unknown }
  if (typeof sha !== 'string' || !/^[0-9a-f]{40}$/.test(sha)) throw wrong('names no commit')
  if (!Array.isArray(siblings) || siblings.length > MAXIMUM_FILES) throw wrong('is no list of files')
  const seen = new Set<string>()
  const files = siblings.flatMap((entry: unknown): HubFile[] => {
    const { rfilename, size, blobId, lfs } = (entry ?? {}) as Record<string, unknown>
    // Nothing that a pipeline reads is called so.
    if (typeof rfilename !== 'string' || !isSafePath(rfilename)) return []
    // Two names that are one on some disks would overwrite each other.
    const key = rfilename.toLowerCase()
    if (seen.has(key)) return []
    seen.add(key)
    const large = (lfs ?? undefined) as { sha256?: unknown; size?: unknown } | undefined
    const bytes = large?.size ?? size
    const value = large?.sha256 ?? blobId
    const pattern = large ? /^[0-9a-f]{64}$/ : /^[0-9a-f]{40}$/
    if (!Number.isSafeInteger(bytes) || (bytes as number) < 0 || typeof value !== 'string' || !pattern.test(value)) {
      throw wrong(`does not tell size and hash of file ${rfilename}`)
    }
    return [{ path: rfilename, size: bytes as number, hash: { algorithm: large ? 'sha256' : 'git-sha1', value } }]
  })
  return { commit: sha, files }
}

/** A relative path that stays where it is put, on every system. */
export const isSafePath = (path: string): boolean =>
  path.length <= 512 &&
  path
    .split('/')
    .every(
      (part) => part !== '' && part !== '.' && part !== '..' && part.length <= 200 && !/[\\:*?"<>|\p{C}]/u.test(part),
    )
