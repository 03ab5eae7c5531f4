import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { UnsafeUrlError } from '../modelErrors.js'
import { shownModelId } from '../modelId.js'
import type { NetworkRules } from './networkRules.js'
import { TemporaryFailure } from './temporaryFailure.js'

export type UrlOpener = {
  /**
   * Sends a GET and follows redirects; the body is the caller's to read or to destroy.
   *
   * Before each connection all addresses of the host are looked up and checked, and the connection goes to one of these: a name that
   * changes its mind in between gains nothing.
   *
   * @throws UnsafeUrlError, TemporaryFailure, or the signal's reason.
   */
  open(url: URL, options: OpenOptions): Promise<OpenedUrl>
  /** Closes idle connections. */
  close(): void
}

export type OpenOptions = {
  signal: AbortSignal
  headers?: Readonly<Record<string, string>>
}

export type OpenedUrl = { response: IncomingMessage; status: number; url: URL }

export type UrlOpenerOptions = {
  rules: NetworkRules
  /** A server that the operator has named, e.g. a mirror on the local network: the rules do not bind it, but what it redirects to. */
  trustedOrigin?: string | undefined
  /** Sent to this origin and to no other, whatever redirects. */
  credentials?: { origin: string; token: string } | undefined
  /** How long a server may take to answer, ms. */
  answerTimeoutMs: number
}

const MAXIMUM_REDIRECTS = 5

/** Creates an opener that keeps connections for further requests to the same host. */
export function createUrlOpener({ rules, trustedOrigin, credentials, answerTimeoutMs }: UrlOpenerOptions): UrlOpener {
  const agents = {
    'http:': new HttpAgent({ keepAlive: true }),
    'https:': new HttpsAgent({ keepAlive: true }),
  }

  async function send(url: URL, { headers, signal }: OpenOptions): Promise<IncomingMessage> {
    const lookup = await checkedLookup(url, url.origin === trustedOrigin ? boundless(rules) : rules, signal)
    const secure = url.protocol === 'https:'
    const authorization =
      credentials?.origin === url.origin ? { authorization: `Bearer ${credentials.token}` } : undefined
    return new Promise<IncomingMessage>((resolve, reject) => {
      const request = (secure ? httpsRequest : httpRequest)(url, {
        agent: agents[secure ? 'https:' : 'http:'],
        lookup,
        signal,
        headers: { 'user-agent': 'crynux', accept: '*/*', 'accept-encoding': 'identity', ...headers, ...authorization },
      })
      const timer = setTimeout(
        () => request.destroy(new TemporaryFailure(`does not answer within ${answerTimeoutMs / 1000} s`)),
        answerTimeoutMs,
      )
      request.once('response', (response) => {
        clearTimeout(timer)
        // What goes wrong while the body is read is thrown to its reader; without one it must not end the process.
        response.on('error', ignore)
        resolve(response)
      })
      request.on('error', (error: NodeJS.ErrnoException) => {
        clearTimeout(timer)
        reject(signal.aborted ? signal.reason : error instanceof TemporaryFailure ? error : describeFailure(error))
      })
      request.end()
    })
  }

  return {
    async open(start, options) {
      let url = start
      for (let redirects = 0; ; redirects++) {
        options.signal.throwIfAborted()
        const response = await send(url, options)
        const status = response.statusCode ?? 0
        const location = response.headers.location
        if (![301, 302, 303, 307, 308].includes(status) || location === undefined) return { response, status, url }
        response.destroy()
        if (redirects >= MAXIMUM_REDIRECTS) {
          throw unsafe(start, `is redirected more than ${MAXIMUM_REDIRECTS} times`)
        }
        url = parseLocation(location, url, start)
      }
    },
    close() {
      for (const agent of Object.values(agents)) agent.destroy()
    },
  }
}

const ignore = (): void => {}

/** What the operator has named may be anything but still has to have an address. */
const boundless = (rules: NetworkRules): NetworkRules => ({
  resolve: rules.resolve,
  allowsAddress: () => true,
  protocols: ['http:', 'https:'],
})

function parseLocation(location: string, base: URL, start: URL): URL {
  let url: URL
  try {
    url = new URL(location, base)
  } catch {
    throw unsafe(start, 'is redirected to something that is no URL')
  }
  url.username = ''
  url.password = ''
  return url
}

/** A lookup that answers with addresses that have been checked, and nothing else. */
async function checkedLookup(url: URL, rules: NetworkRules, signal: AbortSignal): Promise<LookupFunction> {
  if (!rules.protocols.includes(url.protocol)) {
    throw unsafe(url, `leads to a ${url.protocol} address, and only ${rules.protocols.join(', ')} is allowed`)
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const addresses = isIP(host) ? [host] : await resolveName(host, rules, signal)
  const forbidden = addresses.find((address) => !rules.allowsAddress(address))
  if (forbidden !== undefined) {
    throw unsafe(url, `leads to ${forbidden}, which is not an address of the public internet`)
  }
  const [first] = addresses
  if (first === undefined) throw new TemporaryFailure('cannot be found: its name has no address')
  const found = addresses.map((address) => ({ address, family: isIP(address) }))
  return (_hostname, options, callback) => {
    if (options.all) callback(null, found)
    else callback(null, first, isIP(first))
  }
}

async function resolveName(host: string, rules: NetworkRules, signal: AbortSignal): Promise<string[]> {
  try {
    return await rules.resolve(host)
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw describeFailure(error as NodeJS.ErrnoException)
  }
}

/** Errors of Node quote addresses and names; codes say enough. */
function describeFailure(error: NodeJS.ErrnoException): TemporaryFailure {
  const known: Record<string, string> = {
    ENOTFOUND: 'cannot be found: the name is unknown',
    EAI_AGAIN: 'cannot be found: names are not resolved at the moment',
    ECONNREFUSED: 'refuses the connection',
    ECONNRESET: 'broke the connection',
    EPIPE: 'broke the connection',
    ETIMEDOUT: 'cannot be reached',
    EHOSTUNREACH: 'cannot be reached',
    ENETUNREACH: 'cannot be reached',
  }
  const code = error.code ?? error.name
  return new TemporaryFailure(known[code] ?? `failed (${code})`)
}

const unsafe = (url: URL, complaint: string) =>
  new UnsafeUrlError(`the URL '${shownModelId(url.href)}' ${complaint}`, {
    remedy: 'Models are fetched by https from public servers only; put the files into --model-root yourself.',
    details: { host: url.hostname },
  })
