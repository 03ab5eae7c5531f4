import { createHash } from 'node:crypto'
import type { Clock } from '../base/clock.js'
import { systemClock } from '../base/clock.js'
import { CrynuxError, EXIT } from '../base/errors.js'
import { type Address, type Hex, isHex32 } from '../base/hex.js'
import { retry } from '../base/retry.js'
import { timeoutSignal } from '../base/timeoutSignal.js'
import type { RelayProblemCode } from '../protocol/relayProblem.js'
import { signInMessage } from '../protocol/signIn.js'
import type { Wallet } from '../protocol/wallet.js'
import { readBody } from './readBody.js'
import { readEvents } from './readEvents.js'

export type CallOptions = { signal?: AbortSignal }

/** What a relay says that it holds; `signature` is EIP-712, for TaskConsensus. */
export type UploadAnswer = { resultDigest: Hex; sizeBytes: bigint; signature: Hex }
/** `deletedAt` in Unix seconds. */
export type DeletionAnswer = { taskId: Hex; deletedAt: bigint; signature: Hex; relay: Address }
export type DisputeAnswer = { faulty: boolean; resultDigest: Hex; signature?: Hex }
export type ListedResult = { index: number; sizeBytes: number; sha256: Hex }
/** `status` (with state, abortReason, uploader, redelivery, committed, revealed), `arguments`, `results`, `end`. */
export type RelayEvent = { type: string } & Record<string, unknown>

/** What shows a relay that a key is the task's own, see `argsHashFromDigest`. */
export type DisputeProof = {
  /** `AGE-SECRET-KEY-1…` */
  identity: string
  argumentsDigest: Hex
}

/**
 * One wallet's view of one relay. Signs in when needed; every call may be repeated, and is, when the relay cannot be reached.
 *
 * All reject with RelayUnreachableError, with RelayRefusedError, or with the signal's reason.
 */
export type RelayClient = {
  /** Stores sealed arguments. Those that are already stored stay: then this does nothing. */
  putArguments(taskId: Hex, sealed: Uint8Array, options?: CallOptions): Promise<void>
  /** The sealed arguments, or `null` while they have not arrived. */
  getArguments(taskId: Hex, options?: CallOptions): Promise<Uint8Array | null>
  /** Stores one sealed file. When this uploader has sealed its set before, that set stays, and this does nothing. */
  putResult(taskId: Hex, index: number, sealed: Uint8Array, options?: CallOptions): Promise<void>
  sealResults(taskId: Hex, options?: CallOptions): Promise<UploadAnswer>
  listResults(taskId: Hex, options?: CallOptions): Promise<ListedResult[]>
  /** One sealed file, checked against the digest that the relay sends along. */
  getResult(taskId: Hex, index: number, options?: CallOptions): Promise<Uint8Array>
  deleteTask(taskId: Hex, options?: CallOptions): Promise<DeletionAnswer>
  /** Shows the relay the task's own age key, `AGE-SECRET-KEY-1…`. */
  dispute(taskId: Hex, proof: DisputeProof, options?: CallOptions): Promise<DisputeAnswer>
  /** Resolves when the task has ended; reconnects as often as needed until then. */
  watchTask(taskId: Hex, options: { signal: AbortSignal; onEvent(event: RelayEvent): void }): Promise<void>
  /** Ends the session at the relay. */
  signOut(options?: CallOptions): Promise<void>
}

export type RelayClientOptions = {
  /** Origin of the relay, e.g. `https://relay.example`. */
  url: string
  wallet: Pick<Wallet, 'address' | 'account'>
  chainId: number
  clock?: Clock
  /** Ends every call. */
  signal?: AbortSignal
  fetch?: typeof globalThis.fetch
  /** For one attempt of one call, not for event streams. */
  timeoutMs?: number
}

const ARGUMENTS_LIMIT_BYTES = 8 * 2 ** 20
const RESULT_LIMIT_BYTES = 32 * 2 ** 20
const JSON_LIMIT_BYTES = 64 * 2 ** 10
const MESSAGE_LIFETIME_MS = 5 * 60_000
const ATTEMPTS = 4

type Request = {
  method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  path: string
  body?: { type: string; bytes: Uint8Array | string }
  options: CallOptions | undefined
}

/**
 * Creates a client of one relay.
 *
 * The sign-in message names the host of `url` and never what a relay claims to be, so a relay cannot use it at another one.
 *
 * @throws InvalidRelayUrlError
 */
export function createRelayClient(options: RelayClientOptions): RelayClient {
  const { wallet, chainId, clock = systemClock, timeoutMs = 120_000 } = options
  const fetch = options.fetch ?? globalThis.fetch
  const base = parseRelayUrl(options.url)
  let session: Promise<string> | null = null

  const signalOf = (call: CallOptions | undefined): AbortSignal | undefined => {
    const signals = [options.signal, call?.signal].filter((signal) => signal !== undefined)
    return signals.length > 1 ? AbortSignal.any(signals) : signals[0]
  }

  /** One HTTP exchange: any answer that is not 2xx becomes an error. */
  const exchange = async (request: Request, token: string | null, { endless = false } = {}): Promise<Response> => {
    const signal = signalOf(request.options)
    signal?.throwIfAborted()
    const limits = [signal, endless ? undefined : timeoutSignal(timeoutMs)].filter((one) => one !== undefined)
    let response: Response
    try {
      response = await fetch(new URL(request.path, base), {
        method: request.method,
        headers: {
          accept: 'application/json, application/octet-stream, text/event-stream',
          ...(request.body ? { 'content-type': request.body.type } : {}),
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        },
        // A redirect would carry the token, or the file, to another host.
        redirect: 'manual',
        ...(request.body ? { body: request.body.bytes as Uint8Array<ArrayBuffer> | string } : {}),
        ...(limits.length > 0 ? { signal: AbortSignal.any(limits) } : {}),
      })
    } catch (cause) {
      signal?.throwIfAborted()
      throw unreachable(base, cause)
    }
    if (response.status >= 200 && response.status < 300) return response
    throw await refusalOf(response, base)
  }

  const signIn = async (call: CallOptions | undefined): Promise<string> => {
    const { nonce } = await readJson(
      await exchange({ method: 'POST', path: '/v1/auth/nonce', options: call }, null),
      base,
    )
    if (typeof nonce !== 'string' || !/^[a-zA-Z0-9]{8,100}$/.test(nonce)) throw misbehaving(base, 'nonce')
    const now = clock.now()
    const message = signInMessage({
      domain: base.host,
      address: wallet.address,
      uri: base.origin,
      chainId,
      nonce,
      issuedAt: new Date(now).toISOString(),
      expirationTime: new Date(now + MESSAGE_LIFETIME_MS).toISOString(),
    })
    const signature = await wallet.account.signMessage({ message })
    const body = { type: 'application/json', bytes: JSON.stringify({ message, signature }) }
    const answer = await exchange({ method: 'POST', path: '/v1/auth/session', body, options: call }, null)
    const { token } = await readJson(answer, base)
    if (typeof token !== 'string' || !/^[A-Za-z0-9_-]{20,200}$/.test(token)) throw misbehaving(base, 'token')
    return token
  }

  /** Calls that come together share one sign-in; a failed one is forgotten. */
  const tokenFor = (call: CallOptions | undefined): Promise<string> => {
    if (!session) {
      const opening = signIn(call)
      session = opening
      opening.catch(() => {
        if (session === opening) session = null
      })
    }
    return session
  }

  /** With a session; a refused one is renewed once. */
  const signedIn = async (request: Request, kind: { endless?: boolean } = {}): Promise<Response> => {
    const opened = tokenFor(request.options)
    try {
      return await exchange(request, await opened, kind)
    } catch (error) {
      if (!(error instanceof RelayRefusedError) || error.problem !== 'not-signed-in') throw error
      if (session === opened) session = null
      return exchange(request, await tokenFor(request.options), kind)
    }
  }

  /** Every call of this API may be repeated without harm. */
  const call = <T>(request: Request, read: (response: Response) => Promise<T>): Promise<T> => {
    const signal = signalOf(request.options)
    return retry(
      async () => {
        const response = await signedIn(request)
        try {
          return await read(response)
        } catch (error) {
          signal?.throwIfAborted()
          throw error instanceof CrynuxError ? error : unreachable(base, error)
        }
      },
      { clock, attempts: ATTEMPTS, isTemporary, ...(signal ? { signal } : {}) },
    )
  }

  const discard = async (response: Response) => {
    await response.body?.cancel()
  }
  const octets = (bytes: Uint8Array) => ({ type: 'application/octet-stream', bytes })
  const json = async (response: Response) => readJson(response, base)
  const check = <T>(value: unknown, isValid: (value: unknown) => value is T, field: string): T => {
    if (!isValid(value)) throw misbehaving(base, field)
    return value
  }
  const bigintOf = (value: unknown, field: string): bigint =>
    BigInt(check(value, (text): text is string => typeof text === 'string' && /^\d{1,19}$/.test(text), field))

  return {
    putArguments: async (taskId, sealed, options) => {
      const path = `/v1/tasks/${taskId}/arguments`
      try {
        await call({ method: 'PUT', path, body: octets(sealed), options }, discard)
      } catch (error) {
        // An earlier run stored them: age never seals twice to the same bytes.
        if (!isRefusal(error, 'arguments-exist')) throw error
      }
    },

    getArguments: async (taskId, options) => {
      const path = `/v1/tasks/${taskId}/arguments`
      try {
        return await call({ method: 'GET', path, options }, (response) =>
          readVerified(response, base, ARGUMENTS_LIMIT_BYTES),
        )
      } catch (error) {
        if (isRefusal(error, 'not-ready')) return null
        throw error
      }
    },

    putResult: async (taskId, index, sealed, options) => {
      const path = `/v1/tasks/${taskId}/results/${index}`
      try {
        await call({ method: 'PUT', path, body: octets(sealed), options }, discard)
      } catch (error) {
        if (!isRefusal(error, 'results-sealed')) throw error
      }
    },

    sealResults: async (taskId, options) => {
      const answer = await call({ method: 'POST', path: `/v1/tasks/${taskId}/results`, options }, json)
      return {
        resultDigest: check(answer.resultDigest, isHex32, 'resultDigest'),
        sizeBytes: bigintOf(answer.sizeBytes, 'sizeBytes'),
        signature: check(answer.signature, isSignature, 'signature'),
      }
    },

    listResults: async (taskId, options) => {
      const answer = await call({ method: 'GET', path: `/v1/tasks/${taskId}/results`, options }, json)
      return check(answer.files, isResultList, 'files')
    },

    getResult: async (taskId, index, options) =>
      call({ method: 'GET', path: `/v1/tasks/${taskId}/results/${index}`, options }, (response) =>
        readVerified(response, base, RESULT_LIMIT_BYTES),
      ),

    deleteTask: async (taskId, options) => {
      const answer = await call({ method: 'DELETE', path: `/v1/tasks/${taskId}`, options }, json)
      const isThisTask = (value: unknown): value is Hex =>
        isHex32(value) && value.toLowerCase() === taskId.toLowerCase()
      return {
        taskId: check(answer.taskId, isThisTask, 'taskId'),
        deletedAt: bigintOf(answer.deletedAt, 'deletedAt'),
        signature: check(answer.signature, isSignature, 'signature'),
        relay: check(answer.relay, isAddressText, 'relay'),
      }
    },

    dispute: async (taskId, { identity, argumentsDigest }, options) => {
      const body = { type: 'application/json', bytes: JSON.stringify({ identity, argumentsDigest }) }
      const answer = await call({ method: 'POST', path: `/v1/tasks/${taskId}/dispute`, body, options }, json)
      const faulty = check(answer.faulty, (value): value is boolean => typeof value === 'boolean', 'faulty')
      return {
        faulty,
        resultDigest: check(answer.resultDigest, isHex32, 'resultDigest'),
        ...(faulty ? { signature: check(answer.signature, isSignature, 'signature') } : {}),
      }
    },

    watchTask: async (taskId, { signal, onEvent }) => {
      const request: Request = { method: 'GET', path: `/v1/tasks/${taskId}/events`, options: { signal } }
      const ends = signalOf({ signal })
      let failures = 0
      for (;;) {
        try {
          const response = await signedIn(request, { endless: true })
          failures = 0
          let ended = false
          await readEvents(response, (event) => {
            ended ||= event.type === 'end'
            onEvent(event)
          })
          if (ended) return
        } catch (error) {
          ends?.throwIfAborted()
          const problem = error instanceof CrynuxError ? error : unreachable(base, error)
          if (!isTemporary(problem) || ++failures >= ATTEMPTS * 2) throw problem
        }
        // The relay ends a stream with its session, or when it restarts.
        await clock.sleep(Math.min(5_000, 100 * 2 ** failures), ends)
      }
    },

    signOut: async (options) => {
      if (!session) return
      const token = await session.catch(() => null)
      session = null
      if (token === null) return
      await exchange({ method: 'DELETE', path: '/v1/auth/session', options }, token).then(discard)
    },
  }
}

function parseRelayUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.username || url.password) {
    throw new InvalidRelayUrlError(`'${text}' is not the address of a relay`, {
      remedy: 'It must be an http or https URL without user and password, e.g. https://relay.example.',
    })
  }
  return url
}

async function readJson(response: Response, base: URL): Promise<Record<string, unknown>> {
  const text = new TextDecoder().decode(await limited(response, base, JSON_LIMIT_BYTES))
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // Reported below.
  }
  throw misbehaving(base, 'body')
}

/** Reads a file and compares it with `repr-digest` (RFC 9530): a body that was cut or changed on the way is not used. */
async function readVerified(response: Response, base: URL, limitBytes: number): Promise<Uint8Array> {
  const bytes = await limited(response, base, limitBytes)
  const expected = /sha-256=:([A-Za-z0-9+/=]{44}):/.exec(response.headers.get('repr-digest') ?? '')?.[1]
  if (expected !== createHash('sha256').update(bytes).digest('base64')) throw misbehaving(base, 'repr-digest')
  return bytes
}

async function limited(response: Response, base: URL, limitBytes: number): Promise<Uint8Array> {
  const bytes = await readBody(response, limitBytes)
  if (bytes === null) throw misbehaving(base, 'length')
  return bytes
}

async function refusalOf(response: Response, base: URL): Promise<CrynuxError> {
  const { status } = response
  const document = await readJson(response, base).catch((): Record<string, unknown> => ({}))
  if (typeof document.code !== 'string' || !/^[a-z-]{1,40}$/.test(document.code)) {
    // A proxy in front of the relay, or something that is no relay.
    return status === 502 || status === 504 || status === 503
      ? unreachable(base, undefined)
      : misbehaving(base, `status ${status}`)
  }
  const words = [document.detail, document.title].find((text) => typeof text === 'string') as string | undefined
  return new RelayRefusedError(`the relay at ${base.origin} refused: ${oneLine(words ?? document.code)}`, {
    remedy: REMEDIES[document.code as RelayProblemCode] ?? 'Check that task and wallet belong together, and try again.',
    problem: document.code,
    status,
  })
}

const REMEDIES: Partial<Record<RelayProblemCode, string>> = {
  'not-found': 'The relay does not know this task, or this wallet has no part in it; check --keystore and --network.',
  'not-ready': 'It has not arrived at the relay yet; try again later.',
  'sign-in-failed': 'Check the clock of this machine, and that --network names the relay by its public address.',
  'rate-limited': 'Wait a moment and try again.',
  'chain-unavailable': 'The relay has lost the chain; try again later or tell its operator.',
  'no-space': 'The relay is full; try again later or tell its operator.',
  'too-large': 'Send less: the relay takes 8 MiB of arguments and 32 MiB for each result file.',
  busy: 'Try again later.',
}

const TEMPORARY_PROBLEMS: ReadonlySet<string> = new Set([
  'request-timeout',
  'rate-limited',
  'chain-unavailable',
  'busy',
  'no-space',
  'internal',
])

const isTemporary = (error: unknown): boolean =>
  error instanceof RelayUnreachableError ||
  (error instanceof RelayRefusedError && TEMPORARY_PROBLEMS.has(error.problem))

const isRefusal = (error: unknown, code: RelayProblemCode): boolean =>
  error instanceof RelayRefusedError && error.problem === code

/** 65 bytes of hexadecimal. */
const isSignature = (value: unknown): value is Hex => typeof value === 'string' && /^0x[0-9a-f]{130}$/i.test(value)

const isAddressText = (value: unknown): value is Address => typeof value === 'string' && /^0x[0-9a-f]{40}$/i.test(value)

const isResultList = (value: unknown): value is ListedResult[] =>
  Array.isArray(value) &&
  value.length <= 100 &&
  value.every(
    (file: unknown, position) =>
      typeof file === 'object' &&
      file !== null &&
      'index' in file &&
      file.index === position &&
      'sizeBytes' in file &&
      Number.isSafeInteger(file.sizeBytes) &&
      'sha256' in file &&
      isHex32(file.sha256),
  )

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').slice(0, 200)

const unreachable = (base: URL, cause: unknown) =>
  new RelayUnreachableError(`the relay at ${base.origin} cannot be reached`, {
    remedy: 'Check that it runs and that this machine has a connection, then run the same command again.',
    cause,
  })

const misbehaving = (base: URL, field: string) =>
  new RelayRefusedError(`the relay at ${base.origin} gave an answer that makes no sense (${field})`, {
    remedy: 'Check that the address is that of a crynux relay of a compatible version.',
    problem: 'bad-answer',
    status: 0,
  })

/** No answer, or none by a relay: exit status 6. Calls have been repeated before this is thrown. */
export class RelayUnreachableError extends CrynuxError {
  override readonly code = 'CRYNUX_RELAY_UNREACHABLE'
  override readonly exitCode = EXIT.relay
}

/** The relay said no: exit status 6. `problem` is the stable code of its answer, e.g. `not-found`. */
export class RelayRefusedError extends CrynuxError {
  override readonly code = 'CRYNUX_RELAY_REFUSED'
  override readonly exitCode = EXIT.relay
  readonly problem: string
  readonly status: number

  constructor(message: string, { remedy, problem, status }: { remedy: string; problem: string; status: number }) {
    super(message, { remedy, details: { problem, status } })
    this.problem = problem
    this.status = status
  }
}

/** Not an http(s) URL: exit status 3. */
export class InvalidRelayUrlError extends CrynuxError {
  override readonly code = 'CRYNUX_INVALID_RELAY_URL'
  override readonly exitCode = EXIT.configuration
}
