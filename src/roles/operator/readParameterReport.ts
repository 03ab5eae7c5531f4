import type { Address } from '../../base/hex.js'
import type { ChainReader } from '../../chain/client.js'
import { DEFAULT_PARAMETERS } from '../../chain/deployment/defaultParameters.js'
import { type Ownership, readOwners } from '../../chain/read/owners.js'
import {
  PARAMETER_DEFINITIONS,
  PARAMETER_NAMES,
  type ParameterUnit,
  presentBounds,
  readFixedParameters,
  readParameterBounds,
} from '../../chain/read/parameterBounds.js'
import { readParameters } from '../../chain/read/parameters.js'
import { readRelays } from '../../chain/read/relays.js'

/** One rule of a network. */
export type ParameterRow = {
  name: string
  contract: 'NodeRegistry' | 'TaskConsensus'
  unit: ParameterUnit
  value: number | bigint
  default: number | bigint
  /** Between which values it can be set now. */
  lowest: number | bigint
  highest: number | bigint
  /** The parameter because of which the contract's own bounds are narrower now. */
  limitedBy: string | null
  /** null: nobody, it is part of the contract. */
  changedBy: 'owner' | null
  meaning: string
}

/** Everything that the owner of a network decides, and what bounds that. */
export type ParameterReport = {
  name: string
  chainId: number
  owners: Record<'incentivePool' | 'registry' | 'consensus', Ownership>
  relays: { address: Address; url: string }[]
  parameters: ParameterRow[]
}

const CONTRACT_NAMES = { registry: 'NodeRegistry', consensus: 'TaskConsensus' } as const

/** Reads all parameters of a network with their bounds, its owners and its relays. */
export async function readParameterReport(chain: ChainReader): Promise<ParameterReport> {
  const [owners, relays, parameters, bounds, fixed] = await Promise.all([
    readOwners(chain),
    readRelays(chain),
    readParameters(chain),
    readParameterBounds(chain),
    readFixedParameters(chain),
  ])
  const settable = PARAMETER_NAMES.map((name): ParameterRow => {
    const { contract, unit, meaning } = PARAMETER_DEFINITIONS[name]
    const { lowest, highest, limitedBy } = presentBounds(name, { hard: bounds[name], parameters })
    const numberOf = (value: bigint) => (unit === 'wei' ? value : Number(value))
    return {
      name,
      contract: CONTRACT_NAMES[contract],
      unit,
      value: parameters[name],
      default: DEFAULT_PARAMETERS[name],
      lowest: numberOf(lowest),
      highest: numberOf(highest),
      limitedBy,
      changedBy: 'owner',
      meaning,
    }
  })
  const constant = fixed.map(({ name, contract, unit, value, meaning }): ParameterRow => {
    const same = { value, default: value, lowest: value, highest: value }
    return { name, contract: CONTRACT_NAMES[contract], unit, ...same, limitedBy: null, changedBy: null, meaning }
  })
  const { name, chainId } = chain.profile
  return { name, chainId, owners, relays, parameters: [...settable, ...constant] }
}
