import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generatePrivateKey } from 'viem/accounts'
import { onTestFinished } from 'vitest'
import { type Clock, systemClock } from '../../../src/base/clock.js'
import type { Address, Hex } from '../../../src/base/hex.js'
import { silentLogger } from '../../../src/base/logger.js'
import { argsHashFromDigest } from '../../../src/protocol/argsHash.js'
import { encryptionKeyFromSecret } from '../../../src/protocol/encryptionKey.js'
import { signInMessage } from '../../../src/protocol/signIn.js'
import { createWallet, type Wallet } from '../../../src/protocol/wallet.js'
import type { ChainFacts, TaskFacts } from '../../../src/roles/relay/chainFacts.js'
import { type RunningRelay, type ServeRelayOptions, serveRelay } from '../../../src/roles/relay/serveRelay.js'

export const CHAIN_ID = 31337
export const CONSENSUS: Address = '0x5fbdb2315678afecb367f032d93f642f64180aa3'

/** A chain whose tasks are written down by the test. */
export type MemoryChain = ChainFacts & {
  /** Writes a task down; the last of the same id counts. */
  set(taskId: Hex, task: TaskFacts): void
  /** Changes fields of a task. */
  change(taskId: Hex, fields: Partial<TaskFacts>): void
  forget(taskId: Hex): void
  /** A new block: whoever watches looks again. */
  mine(): void
  /** While set, every read fails. */
  failWith: Error | null
}

export function createMemoryChain(): MemoryChain {
  const tasks = new Map<Hex, TaskFacts>()
  const watchers = new Set<() => void>()
  const chain: MemoryChain = {
    chainId: CHAIN_ID,
    consensus: CONSENSUS,
    failWith: null,
    readTask: async (taskId) => {
      if (chain.failWith) throw chain.failWith
      return tasks.get(taskId) ?? null
    },
    readChainTime: async () => {
      if (chain.failWith) throw chain.failWith
      return 1_800_000_000
    },
    watchBlocks: ({ signal, onBlock }) => {
      watchers.add(onBlock)
      signal.addEventListener('abort', () => watchers.delete(onBlock))
    },
    readNetworkStatistics: async () => ({ nodes: 3, stakedWei: 1200n * 10n ** 18n }),
    readNodesStatistics: async () => [{ address: CONSENSUS, stakeWei: 400n * 10n ** 18n }],
    set: (taskId, task) => void tasks.set(taskId, task),
    change: (taskId, fields) => {
      const task = tasks.get(taskId)
      if (!task) throw new Error('no such task')
      tasks.set(taskId, { ...task, ...fields })
    },
    forget: (taskId) => void tasks.delete(taskId),
    mine: () => {
      for (const onBlock of watchers) onBlock()
    },
  }
  return chain
}

/** Everyone who has to do with a task, and somebody who has not. */
export type Cast = Record<'relay' | 'creator' | 'node1' | 'node2' | 'node3' | 'stranger', Wallet>

export const createCast = (): Cast => {
  const wallet = () => createWallet({ privateKey: generatePrivateKey() })
  return {
    relay: wallet(),
    creator: wallet(),
    node1: wallet(),
    node2: wallet(),
    node3: wallet(),
    stranger: wallet(),
  }
}

/** What binds the key of the cast's task to the chain. */
export const RESULT_KEY = encryptionKeyFromSecret(new Uint8Array(32).fill(5))
const argumentsDigest: Hex = `0x${'d1'.repeat(32)}`
export const TASK_ARGUMENTS = {
  argumentsDigest,
  argsHash: argsHashFromDigest({ argumentsDigest, resultRecipient: RESULT_KEY.publicKey }),
}

/** A task of the cast: started, three nodes drawn, node 1 to be the uploader later. */
export const taskOf = (cast: Cast, fields: Partial<TaskFacts> = {}): TaskFacts => ({
  state: 'started',
  abortReason: null,
  kind: 'image',
  imageCount: 2,
  argsHash: TASK_ARGUMENTS.argsHash,
  creator: cast.creator.address,
  relay: cast.relay.address,
  uploader: null,
  resultDigest: null,
  redelivery: false,
  slots: [cast.node1, cast.node2, cast.node3].map(({ address }) => ({
    node: address,
    committed: false,
    revealed: false,
    score: '0x',
  })),
  ...fields,
})

export const TASK_ID: Hex = `0x${'a1'.repeat(32)}`

/** The system's clock, moved forward at will. */
export function createMovableClock(): Clock & { advance(ms: number): void } {
  let offsetMs = 0
  return {
    now: () => systemClock.now() + offsetMs,
    sleep: systemClock.sleep,
    advance: (ms) => {
      offsetMs += ms
    },
  }
}

/** A temporary folder that is gone after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'crynux-relay-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export type TestRelay = RunningRelay & {
  chain: MemoryChain
  cast: Cast
  clock: ReturnType<typeof createMovableClock>
  folder: string
  /** Signs in by hand; the bearer token. */
  token(wallet: Wallet): Promise<string>
  /** A request as `wallet`, or as nobody. */
  as(wallet: Wallet | null, method: string, path: string, body?: Uint8Array | object): Promise<Response>
}

/** A relay on port 0 of the loopback, with one started task of the cast; closed after the test. */
export async function startTestRelay(
  options: Partial<ServeRelayOptions> & { cast?: Cast; chain?: MemoryChain } = {},
): Promise<TestRelay> {
  const { cast = createCast(), chain = createMemoryChain(), ...rest } = options
  const clock = createMovableClock()
  const folder = rest.dataFolder ?? (await temporaryFolder())
  if (!(await chain.readTask(TASK_ID).catch(() => null))) chain.set(TASK_ID, taskOf(cast))
  const relay = await serveRelay({
    wallet: cast.relay,
    verifyResultFiles: async () => true,
    dataFolder: folder,
    listen: { host: '127.0.0.1', port: 0 },
    sweepEverySeconds: 3_600,
    clock,
    logger: silentLogger,
    signal: new AbortController().signal,
    ...rest,
    chain,
  })
  onTestFinished(() => relay.close())
  const tokens = new Map<string, Promise<string>>()
  const token = (wallet: Wallet) => {
    const known = tokens.get(wallet.address) ?? signIn(relay.url, wallet)
    tokens.set(wallet.address, known)
    return known
  }
  return {
    ...relay,
    chain,
    cast,
    clock,
    folder,
    token,
    as: async (wallet, method, path, body) =>
      fetch(`${relay.url}${path}`, {
        method,
        headers: {
          ...(wallet ? { authorization: `Bearer ${await token(wallet)}` } : {}),
          ...(body
            ? { 'content-type': body instanceof Uint8Array ? 'application/octet-stream' : 'application/json' }
            : {}),
        },
        ...(body ? { body: body instanceof Uint8Array ? new Uint8Array(body) : JSON.stringify(body) } : {}),
      }),
  }
}

/** A fresh nonce of the relay. */
export async function fetchNonce(url: string): Promise<string> {
  const response = await fetch(`${url}/v1/auth/nonce`, { method: 'POST' })
  return ((await response.json()) as { nonce: string }).nonce
}

/** Fields of a right sign-in. */
export const signInFieldsFor = (url: string, wallet: Wallet, nonce: string, now = Date.now()) => ({
  domain: new URL(url).host,
  address: wallet.address,
  uri: new URL(url).origin,
  chainId: CHAIN_ID,
  nonce,
  issuedAt: new Date(now).toISOString(),
  expirationTime: new Date(now + 300_000).toISOString(),
})

export const postSession = (url: string, message: string, signature: string): Promise<Response> =>
  fetch(`${url}/v1/auth/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ message, signature }),
  })

export async function signIn(url: string, wallet: Wallet): Promise<string> {
  const message = signInMessage(signInFieldsFor(url, wallet, await fetchNonce(url)))
  const response = await postSession(url, message, await wallet.account.signMessage({ message }))
  if (response.status !== 201) throw new Error(`sign-in: ${response.status} ${await response.text()}`)
  return ((await response.json()) as { token: string }).token
}

/** Status and problem code of an answer. */
export async function problemOf(response: Response): Promise<[number, string | undefined]> {
  const text = await response.text()
  const document = text.startsWith('{') ? (JSON.parse(text) as { code?: string }) : {}
  return [response.status, document.code]
}
