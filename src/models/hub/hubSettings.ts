import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { InvalidInputError } from '../../base/errors.js'

/** Which hub, as whom, and whether at all: by the variables that huggingface_hub knows. */
export type HubSettings = {
  endpoint: URL
  token: string | undefined
  offline: boolean
}

/**
 * Reads HF_ENDPOINT, HF_TOKEN (or the file HF_TOKEN_PATH, by default `token` in HF_HOME) and HF_HUB_OFFLINE.
 *
 * A token is not used at all where it would travel readably: with an endpoint that is http and not on this machine.
 *
 * @throws InvalidInputError when HF_ENDPOINT is no http(s) URL.
 */
export async function readHubSettings(environment: Readonly<Record<string, string | undefined>>): Promise<HubSettings> {
  const endpoint = parseEndpoint(environment.HF_ENDPOINT || 'https://huggingface.co')
  const safe = endpoint.protocol === 'https:' || /^(?:localhost|127\.[\d.]+|\[::1\])$/.test(endpoint.hostname)
  return {
    endpoint,
    token: safe ? await readToken(environment) : undefined,
    offline: isOn(environment.HF_HUB_OFFLINE) || isOn(environment.CRYNUX_OFFLINE),
  }
}

/** Where the cache of huggingface_hub is, when the user says so; undefined otherwise. */
export function hubCacheFolder(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME } = environment
  return HF_HUB_CACHE || HUGGINGFACE_HUB_CACHE || (HF_HOME ? join(HF_HOME, 'hub') : undefined)
}

const isOn = (value: string | undefined): boolean => /^(?:1|on|yes|true)$/i.test(value ?? '')

function parseEndpoint(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && ['http:', 'https:'].includes(url.protocol) && !url.username && !url.password && !url.search) return url
  throw new InvalidInputError('HF_ENDPOINT is not the address of a model hub', {
    remedy: 'Set it to an http or https URL without name, password or query, or unset it.',
  })
}

async function readToken(environment: Readonly<Record<string, string | undefined>>): Promise<string | undefined> {
  if (isOn(environment.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined
  const given = environment.HF_TOKEN || environment.HUGGING_FACE_HUB_TOKEN
  const home = environment.HF_HOME || join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface')
  const path = environment.HF_TOKEN_PATH || join(home, 'token')
  const token = (given ?? (await readFile(path, 'utf8').catch(() => ''))).trim()
  // Anything else would break the header, or end in an error that quotes it.
  return /^[\x21-\x7e]{1,512}$/.test(token) ? token : undefined
}
