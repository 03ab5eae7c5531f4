import { CrynuxError, EXIT } from '../../base/errors.js'
import { type Address, type Hex, hexToBytes } from '../../base/hex.js'
import type { NetworkParameters } from '../../protocol/networkParameters.js'
import { call } from '../call.js'
import type { ChainReader } from '../client.js'
import { readOwners } from '../read/owners.js'
import { readParameters } from '../read/parameters.js'
import { readRelays } from '../read/relays.js'
import { CONTRACT_BUILDS, CONTRACT_ORDER } from './contractBuilds.js'
import { expectedCode } from './expectedCode.js'
import type { DeploymentRequest, NetworkContracts } from './plan.js'

/** What a network is compared with, beside this program's build. What is left out is not compared. */
export type Expectation = {
  owner?: Address | undefined
  parameters?: Partial<NetworkParameters> | undefined
  relays?: DeploymentRequest['relays'] | undefined
}

/** A network whose contracts are what they should be. */
export type VerifiedNetwork = {
  contracts: { name: string; address: Address; codeBytes: number }[]
  owner: Address
  parameters: NetworkParameters
}

/**
 * Compares a network with this program's build and with what was asked for: the code of every contract byte for byte, with
 * the immutables that belong there; one owner for all; parameters; relays.
 *
 * @throws DeploymentDiffersError (exit 11) naming the first difference; ChainUnreachableError
 */
export async function verifyDeployment(chain: ChainReader, expectation: Expectation): Promise<VerifiedNetwork> {
  const { contracts } = chain.profile
  const found = await Promise.all(
    CONTRACT_ORDER.map((contract) => call(chain.client.getCode({ address: contracts[contract] }))),
  )
  const codes = CONTRACT_ORDER.map((contract, index) => verifyCode(chain.profile, contract, found[index]))
  const owners = await readOwners(chain)
  const owner = expectation.owner ?? owners.registry.owner
  for (const contract of ['incentivePool', 'registry', 'consensus'] as const) {
    if (isSame(owners[contract].owner, owner)) continue
    throw differs(contract, contracts[contract], `belongs to ${owners[contract].owner}, not to ${owner}`)
  }
  const parameters = await readParameters(chain)
  for (const [name, expected] of Object.entries(expectation.parameters ?? {})) {
    const present = parameters[name as keyof NetworkParameters]
    if (expected === undefined || BigInt(expected) === BigInt(present)) continue
    throw new DeploymentDiffersError(`parameter ${name} is ${present}, not ${expected}`, {
      remedy:
        'If the owner has changed it since, correct it in the profile; `crynux contracts parameters` shows what counts.',
      details: { parameter: name, present: String(present), expected: String(expected) },
    })
  }
  const listed = (expectation.relays ?? []).length === 0 ? [] : await readRelays(chain)
  for (const { address, url } of lastOfEach(expectation.relays ?? [])) {
    const found = listed.find((relay) => isSame(relay.address, address))
    if (found && withoutCommas(found.url) === withoutCommas(url)) continue
    throw new DeploymentDiffersError(
      found ? `relay ${address} has the URL ${found.url}, not ${url}` : `relay ${address} is not on the network's list`,
      { remedy: 'The owner can correct it with `crynux contracts set-relay`.', details: { relay: address } },
    )
  }
  return { contracts: codes, owner, parameters }
}

function verifyCode(
  { contracts, chainId }: ChainReader['profile'],
  contract: keyof NetworkContracts,
  text: Hex | undefined,
): VerifiedNetwork['contracts'][number] {
  const address = contracts[contract]
  if (text === undefined || text === '0x') throw differs(contract, address, 'has no code')
  const code = hexToBytes(text)
  const expected = expectedCode(contract, { contracts, chainId })
  const at = expected.code.findIndex((byte, index) => byte !== code[index])
  const immutable = at === -1 ? undefined : expected.immutableAt(at)
  if (immutable) {
    const present = `0x${text.slice(2 + 2 * immutable.start, 2 + 2 * (immutable.start + 32))}`
    const what = `has ${present} as its ${immutable.name}, not ${immutable.value}`
    throw differs(contract, address, what, { immutable: immutable.name })
  }
  if (at !== -1)
    throw differs(contract, address, `differs from this program's build at byte ${at} of its code`, { byte: at })
  if (code.length !== expected.code.length) {
    const what = `has ${code.length} bytes of code, and this program's build ${expected.code.length}`
    throw differs(contract, address, what, { byte: expected.code.length })
  }
  return { name: CONTRACT_BUILDS[contract].name, address, codeBytes: code.length }
}

/** Of a relay that is named twice the later URL counts. */
const lastOfEach = (relays: DeploymentRequest['relays']) =>
  relays.filter(({ address }, index) => !relays.slice(index + 1).some((later) => isSame(later.address, address)))

/** forge is told relays in a list with commas, so they are escaped in URLs. */
const withoutCommas = (url: string): string => url.replaceAll(',', '%2C')

const isSame = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()

const differs = (
  contract: keyof NetworkContracts,
  address: Address,
  what: string,
  details: Record<string, string | number> = {},
) =>
  new DeploymentDiffersError(`${CONTRACT_BUILDS[contract].name} at ${address} ${what}`, {
    remedy:
      'Do not use this network with this program: it was made by another version, on another chain, or by somebody else.',
    details: { contract: CONTRACT_BUILDS[contract].name, address, ...details },
  })

/** What is on the chain is not what it should be: exit status 11. */
export class DeploymentDiffersError extends CrynuxError {
  override readonly code = 'CRYNUX_DEPLOYMENT_DIFFERS'
  override readonly exitCode = EXIT.verificationFailed
}
