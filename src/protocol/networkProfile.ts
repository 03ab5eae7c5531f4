import { isAddress } from 'viem/utils'
import { CrynuxError, EXIT } from '../base/errors.js'
import type { Address } from '../base/hex.js'

/** Where one network lives: the file that `crynux contracts deploy` writes and `--network` reads. */
export type NetworkProfile = {
  version: 1
  name: string
  chainId: number
  /** An RPC endpoint for everyone; `--rpc-url` overrides it. May hold a secret: never print it. */
  rpcUrl?: string
  contracts: { token: Address; registry: Address; consensus: Address; incentivePool: Address }
  /** The block before which nothing of this network happened. */
  deployedAtBlock: number
}

const CONTRACTS = ['token', 'registry', 'consensus', 'incentivePool'] as const

/**
 * Checks a value read from a network profile file.
 *
 * @throws InvalidNetworkProfileError naming the first field that is wrong.
 */
export function parseNetworkProfile(value: unknown): NetworkProfile {
  if (!isRecord(value)) throw invalid('it is not a JSON object')
  if (value.version !== 1) throw invalid(`version is ${show(value.version)}, this program reads version 1`)
  if (typeof value.name !== 'string' || value.name === '') throw invalid(`name is ${show(value.name)}, not a text`)
  if (!isCount(value.chainId)) throw invalid(`chainId is ${show(value.chainId)}, not a whole number`)
  if (!isCount(value.deployedAtBlock))
    throw invalid(`deployedAtBlock is ${show(value.deployedAtBlock)}, not a whole number`)
  if (value.rpcUrl !== undefined && typeof value.rpcUrl !== 'string') throw invalid('rpcUrl is not a text')
  const contracts = isRecord(value.contracts) ? value.contracts : {}
  const addressOf = (name: (typeof CONTRACTS)[number]): Address => {
    const address = contracts[name]
    if (typeof address !== 'string' || !isAddress(address, { strict: false })) {
      throw invalid(`contracts.${name} is ${show(address)}, not an address`)
    }
    return address
  }
  return {
    version: 1,
    name: value.name,
    chainId: value.chainId,
    ...(value.rpcUrl === undefined ? {} : { rpcUrl: value.rpcUrl }),
    contracts: {
      token: addressOf('token'),
      registry: addressOf('registry'),
      consensus: addressOf('consensus'),
      incentivePool: addressOf('incentivePool'),
    },
    deployedAtBlock: value.deployedAtBlock,
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

const show = (value: unknown): string =>
  value === undefined ? 'missing' : (JSON.stringify(value) ?? 'unreadable').slice(0, 60)

const invalid = (reason: string) =>
  new InvalidNetworkProfileError(`the network profile cannot be used: ${reason}`, {
    remedy: "Ask the network's operator for its profile, or write one with `crynux contracts deploy`.",
  })

/** A network profile of a form that this program does not know. */
export class InvalidNetworkProfileError extends CrynuxError {
  override readonly code = 'CRYNUX_INVALID_NETWORK_PROFILE'
  override readonly exitCode = EXIT.configuration
}
