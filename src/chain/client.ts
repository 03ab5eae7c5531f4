import {
  type Account,
  BlockNotFoundError,
  type Chain,
  createPublicClient,
  createWalletClient,
  custom,
  defineChain,
  fallback,
  http,
  type LocalAccount,
  type PublicClient,
  type Transport,
  type WalletClient,
} from 'viem'
import { type Clock, systemClock } from '../base/clock.js'
import { CrynuxError, EXIT } from '../base/errors.js'
import type { Hex } from '../base/hex.js'
import type { NetworkProfile } from '../protocol/networkProfile.js'
import { ChainUnreachableError, chainErrorFrom } from './chainError.js'
import { createMutex, type Mutex } from './mutex.js'

/** One network, ready to be read. */
export type ChainReader = {
  client: PublicClient<Transport, Chain>
  profile: NetworkProfile
  clock: Clock
  /** How long the endpoint is left alone between two questions for a new block or a receipt. */
  pollingIntervalMs: number
  /** How deep a transaction must lie before it counts; 1 = in the newest block. */
  confirmations: number
  /** Ends every wait. */
  signal?: AbortSignal
}

/** One network, ready to be written to by one wallet. Make one writer for each wallet: it keeps the wallet's transactions in order. */
export type ChainWriter = ChainReader & {
  wallet: WalletClient<Transport, Chain, Account>
  account: LocalAccount
  /** One transaction is numbered, signed and sent at a time. */
  sending: Mutex
}

export type ChainReaderOptions = {
  profile: NetworkProfile
  /** One endpoint, or several separated by commas: those that answer for the right chain are used, in this order. */
  rpcUrl: string
  /** Default 1000 ms; tests use 50…100. */
  pollingIntervalMs?: number
  /** Default 1. */
  confirmations?: number
  signal?: AbortSignal
  clock?: Clock
  /** False before the contracts are deployed: then only the chain is checked. Default true. */
  deployed?: boolean
}

/**
 * Connects to a network and checks that the endpoint serves its chain and that the contracts are there.
 *
 * @throws ChainUnreachableError, WrongChainError (exit 5)
 */
export async function createChainReader(options: ChainReaderOptions): Promise<ChainReader> {
  const {
    profile,
    rpcUrl,
    pollingIntervalMs = 1_000,
    confirmations = 1,
    deployed = true,
    signal,
    clock = systemClock,
  } = options
  const urls = rpcUrl.split(',').map((url) => url.trim())
  const transports = urls.map(transportOf)
  const chain = chainOf(profile)
  const connect = (transport: Transport) =>
    createPublicClient({ chain, transport, pollingInterval: pollingIntervalMs, cacheTime: 0 })

  const checks = await Promise.allSettled(
    transports.map((transport) => checkChain(connect(transport), { profile, deployed })),
  )
  signal?.throwIfAborted()
  const usable = transports.filter((_, index) => checks[index]?.status === 'fulfilled')
  const first = usable[0]
  if (first === undefined) {
    const failures = checks.flatMap((check) => (check.status === 'rejected' ? [check.reason as unknown] : []))
    throw failures.find((failure) => failure instanceof WrongChainError) ?? failures[0]
  }
  return {
    client: connect(usable.length === 1 ? first : fallback(usable)),
    profile,
    clock,
    pollingIntervalMs,
    confirmations,
    ...(signal ? { signal } : {}),
  }
}

/** Adds a wallet to a reader. */
export const createChainWriter = (reader: ChainReader, { account }: { account: LocalAccount }): ChainWriter => ({
  ...reader,
  wallet: createWalletClient({ account, chain: reader.client.chain, transport: custom(reader.client) }),
  account,
  sending: createMutex(),
})

/** Which chain the first of the endpoints serves. */
export async function readChainId({ rpcUrl }: { rpcUrl: string }): Promise<number> {
  try {
    return await createPublicClient({ transport: transportOf((rpcUrl.split(',')[0] ?? '').trim()) }).getChainId()
  } catch (error) {
    throw chainErrorFrom(error)
  }
}

/**
 * The hash of a chain's first block, which tells two chains of the same id apart; null where the endpoint does not know it any
 * more.
 */
export async function readGenesisHash({ rpcUrl }: { rpcUrl: string }): Promise<Hex | null> {
  try {
    const client = createPublicClient({ transport: transportOf((rpcUrl.split(',')[0] ?? '').trim()) })
    return (await client.getBlock({ blockNumber: 0n })).hash
  } catch (error) {
    if (error instanceof BlockNotFoundError) return null
    throw chainErrorFrom(error)
  }
}

async function checkChain(
  client: PublicClient,
  { profile, deployed }: { profile: NetworkProfile; deployed: boolean },
): Promise<void> {
  let chainId: number
  let code: string | undefined
  try {
    chainId = await client.getChainId()
    if (deployed && chainId === profile.chainId) code = await client.getCode({ address: profile.contracts.consensus })
  } catch (error) {
    throw chainErrorFrom(error)
  }
  if (chainId !== profile.chainId) {
    throw new WrongChainError(
      `the RPC endpoint serves chain ${chainId}, and network '${profile.name}' is on chain ${profile.chainId}`,
    )
  }
  if (deployed && (code === undefined || code === '0x')) {
    throw new WrongChainError(
      `chain ${chainId} holds no contract at ${profile.contracts.consensus}, where network '${profile.name}' has TaskConsensus`,
    )
  }
}

function transportOf(url: string): Transport {
  if (!/^https?:\/\/[^/]/.test(url) || !URL.canParse(url))
    throw new ChainUnreachableError('its address is not an http(s) URL')
  // A redirect could lead a request, and the endpoint's secret, anywhere.
  return http(url, { timeout: 20_000, retryCount: 3, retryDelay: 200, fetchOptions: { redirect: 'error' } })
}

const chainOf = ({ chainId, name }: NetworkProfile): Chain =>
  defineChain({
    id: chainId,
    name,
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [] } },
  })

/** The endpoint serves another chain than the network's, or one without its contracts: exit status 5. */
export class WrongChainError extends CrynuxError {
  override readonly code = 'CRYNUX_WRONG_CHAIN'
  override readonly exitCode = EXIT.chain
  constructor(message: string) {
    super(message, {
      remedy: 'Use an --rpc-url of the right chain, or the --network profile that belongs to this chain.',
    })
  }
}
