import { isAddress } from 'viem/utils'
import { CrynuxError, EXIT } from '../base/errors.js'
import type { Address } from '../base/hex.js'
import type { NetworkParameters } from './networkParameters.js'

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
  /** Who owned the contracts when the profile was written; not in profiles of older programs. */
  owner?: Address
  /** What the parameters were when the profile was written; the owner can have changed them since. */
  parameters?: Partial<NetworkParameters>
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
    ...(value.owner === undefined ? {} : { owner: parseOwner(value.owner) }),
    ...(value.parameters === undefined ? {} : { parameters: parseParameters(value.parameters) }),
  }
}

/** A profile as the text of its file; amounts of wei, which JSON's numbers would round, are decimal strings. */
export const networkProfileText = (profile: NetworkProfile): string =>
  `${JSON.stringify(profile, (_name, value: unknown) => (typeof value === 'bigint' ? value.toString() : value), 2)}\n`

function parseOwner(value: unknown): Address {
  if (typeof value === 'string' && isAddress(value, { strict: false })) return value
  throw invalid(`owner is ${show(value)}, not an address`)
}

/** How each parameter is written; those of newer programs, which are not listed here, are left out. */
const PARAMETERS: Record<keyof NetworkParameters, 'number' | 'wei'> = {
  minimumStakeWei: 'wei',
  unbondingSeconds: 'number',
  penaltyBasisPoints: 'number',
  hammingThreshold: 'number',
  minimumExecutionTimeoutSeconds: 'number',
  maximumExecutionTimeoutSeconds: 'number',
  revealWindowSeconds: 'number',
  uploadWindowSeconds: 'number',
  errorFeeBasisPoints: 'number',
  minimumFeeWei: 'wei',
}

function parseParameters(value: unknown): Partial<NetworkParameters> {
  if (!isRecord(value)) throw invalid('parameters is not a JSON object')
  const parsed: Record<string, number | bigint> = {}
  for (const [name, kind] of Object.entries(PARAMETERS)) {
    const written = value[name]
    if (written === undefined) continue
    if (kind === 'wei' && typeof written === 'string' && /^\d{1,30}$/.test(written)) parsed[name] = BigInt(written)
    else if (kind === 'number' && isCount(written)) parsed[name] = written
    else
      throw invalid(
        `parameters.${name} is ${show(written)}, not ${kind === 'wei' ? 'a decimal text' : 'a whole number'}`,
      )
  }
  return parsed
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
