import { InvalidInputError } from '../../base/errors.js'
import type { Hex } from '../../base/hex.js'
import type { NetworkParameters } from '../../protocol/networkParameters.js'
import { nodeRegistryAbi, taskConsensusAbi } from '../abi.generated.js'
import { call } from '../call.js'
import type { ChainReader } from '../client.js'

/** In what a parameter is measured. */
export type ParameterUnit = 'wei' | 'seconds' | 'basisPoints' | 'bits' | 'images' | 'gigabytes' | 'bytes'

/** Between which values the contracts let the owner set a parameter; both ends are allowed. */
export type Bounds = { lowest: bigint; highest: bigint }

type RegistryConstant = Extract<(typeof nodeRegistryAbi)[number], { type: 'function' }>['name']
type ConsensusConstant = Extract<(typeof taskConsensusAbi)[number], { type: 'function' }>['name']

/** Names of the constants that hold the bounds; a number where the contract has no constant. */
type Definition = { unit: ParameterUnit; meaning: string } & (
  | { contract: 'registry'; lowest: RegistryConstant | bigint; highest: RegistryConstant }
  | { contract: 'consensus'; lowest: ConsensusConstant | bigint; highest: ConsensusConstant }
)

/** Every parameter that the owner of a network can set. */
export const PARAMETER_DEFINITIONS: Readonly<Record<keyof NetworkParameters, Definition>> = {
  minimumStakeWei: {
    contract: 'registry',
    unit: 'wei',
    lowest: 'LOWEST_MINIMUM_STAKE_WEI',
    highest: 'HIGHEST_MINIMUM_STAKE_WEI',
    meaning: 'what a node must lock to join',
  },
  unbondingSeconds: {
    contract: 'registry',
    unit: 'seconds',
    lowest: 'SHORTEST_UNBONDING_SECONDS',
    highest: 'LONGEST_UNBONDING_SECONDS',
    meaning: 'how long a stake stays locked after its node left',
  },
  penaltyBasisPoints: {
    contract: 'registry',
    unit: 'basisPoints',
    lowest: 0n,
    highest: 'HIGHEST_PENALTY_BASIS_POINTS',
    meaning: 'part of its stake that a silent node loses',
  },
  hammingThreshold: {
    contract: 'consensus',
    unit: 'bits',
    lowest: 'LOWEST_HAMMING_THRESHOLD',
    highest: 'HIGHEST_HAMMING_THRESHOLD',
    meaning: 'pictures are the same when fewer bits than this differ in each 8 bytes of score',
  },
  minimumExecutionTimeoutSeconds: {
    contract: 'consensus',
    unit: 'seconds',
    lowest: 'SHORTEST_EXECUTION_TIMEOUT_SECONDS',
    highest: 'LONGEST_EXECUTION_TIMEOUT_SECONDS',
    meaning: 'the shortest time for computing that a task may give',
  },
  maximumExecutionTimeoutSeconds: {
    contract: 'consensus',
    unit: 'seconds',
    lowest: 'SHORTEST_EXECUTION_TIMEOUT_SECONDS',
    highest: 'LONGEST_EXECUTION_TIMEOUT_SECONDS',
    meaning: 'the longest time for computing that a task may give',
  },
  revealWindowSeconds: {
    contract: 'consensus',
    unit: 'seconds',
    lowest: 'SHORTEST_WINDOW_SECONDS',
    highest: 'LONGEST_WINDOW_SECONDS',
    meaning: 'time for revealing a result',
  },
  uploadWindowSeconds: {
    contract: 'consensus',
    unit: 'seconds',
    lowest: 'SHORTEST_WINDOW_SECONDS',
    highest: 'LONGEST_WINDOW_SECONDS',
    meaning: 'time for uploading a result, and then for faulting the upload',
  },
  errorFeeBasisPoints: {
    contract: 'consensus',
    unit: 'basisPoints',
    lowest: 0n,
    highest: 'HIGHEST_ERROR_FEE_BASIS_POINTS',
    meaning: 'part of the fee for nodes that agree on an error',
  },
  minimumFeeWei: {
    contract: 'consensus',
    unit: 'wei',
    lowest: 'LOWEST_MINIMUM_FEE_WEI',
    highest: 'HIGHEST_MINIMUM_FEE_WEI',
    meaning: 'the lowest fee of a task',
  },
}

/** The names of all parameters, in the order of the table. */
export const PARAMETER_NAMES = Object.keys(PARAMETER_DEFINITIONS) as readonly (keyof NetworkParameters)[]

/** What to run in the places of contracts that are not deployed yet. */
export type UndeployedCode = { registry: Hex; consensus: Hex }

/** Reads a constant of a contract. */
function readConstant(
  chain: ChainReader,
  {
    contract,
    constant,
    code,
  }: { contract: 'registry' | 'consensus'; constant: string; code: UndeployedCode | undefined },
): Promise<bigint> {
  const address = chain.profile.contracts[contract]
  const abi = contract === 'registry' ? nodeRegistryAbi : taskConsensusAbi
  const stateOverride = code ? { stateOverride: [{ address, code: code[contract] }] } : {}
  const request = { address, abi, functionName: constant, ...stateOverride }
  // The contract and the names of its constants come from one table, which TypeScript has compared with the ABI.
  return call(chain.client.readContract(request as never)) as Promise<bigint>
}

/**
 * Reads the hard bounds of every parameter from the contracts' constants.
 *
 * @param code what to run in the contracts' places where they are not deployed yet.
 */
export async function readParameterBounds(
  chain: ChainReader,
  { code }: { code?: UndeployedCode } = {},
): Promise<Record<keyof NetworkParameters, Bounds>> {
  const read = (contract: 'registry' | 'consensus', constant: string | bigint): Promise<bigint> =>
    typeof constant === 'bigint' ? Promise.resolve(constant) : readConstant(chain, { contract, constant, code })
  const bounds = await Promise.all(
    PARAMETER_NAMES.map(async (name) => {
      const { contract, lowest, highest } = PARAMETER_DEFINITIONS[name]
      return [name, { lowest: await read(contract, lowest), highest: await read(contract, highest) }] as const
    }),
  )
  return Object.fromEntries(bounds) as Record<keyof NetworkParameters, Bounds>
}

/** How many upload windows the longest challenge takes; TaskConsensus never lets unbonding be shorter than that. */
export const CHALLENGE_UPLOAD_WINDOWS = 3n

/** The bounds within which a parameter can be set now: the hard ones, narrowed by what other parameters are. */
export function presentBounds(
  name: keyof NetworkParameters,
  { hard, parameters }: { hard: Bounds; parameters: NetworkParameters },
): Bounds & { limitedBy: keyof NetworkParameters | null } {
  const { unbondingSeconds, uploadWindowSeconds } = parameters
  const { minimumExecutionTimeoutSeconds, maximumExecutionTimeoutSeconds } = parameters
  const from = (limitedBy: keyof NetworkParameters, lowest: bigint) =>
    lowest > hard.lowest ? { ...hard, lowest, limitedBy } : { ...hard, limitedBy: null }
  const upTo = (limitedBy: keyof NetworkParameters, highest: bigint) =>
    highest < hard.highest ? { ...hard, highest, limitedBy } : { ...hard, limitedBy: null }
  switch (name) {
    case 'unbondingSeconds':
      return from('uploadWindowSeconds', CHALLENGE_UPLOAD_WINDOWS * BigInt(uploadWindowSeconds))
    case 'uploadWindowSeconds':
      return upTo('unbondingSeconds', BigInt(unbondingSeconds) / CHALLENGE_UPLOAD_WINDOWS)
    case 'minimumExecutionTimeoutSeconds':
      return upTo('maximumExecutionTimeoutSeconds', BigInt(maximumExecutionTimeoutSeconds))
    case 'maximumExecutionTimeoutSeconds':
      return from('minimumExecutionTimeoutSeconds', BigInt(minimumExecutionTimeoutSeconds))
    default:
      return { ...hard, limitedBy: null }
  }
}

/**
 * Checks one value of a network's parameters against what the contract will take.
 *
 * @throws InvalidInputError (exit 2) naming the bounds.
 */
export function checkParameter(
  name: keyof NetworkParameters,
  { hard, parameters }: { hard: Bounds; parameters: NetworkParameters },
): void {
  const value = BigInt(parameters[name])
  const { lowest, highest, limitedBy } = presentBounds(name, { hard, parameters })
  if (lowest <= value && value <= highest) return
  const because = limitedBy === null ? '' : ` while ${limitedBy} is ${parameters[limitedBy]}`
  throw new InvalidInputError(`${name} cannot be ${value}: the contract allows ${lowest} to ${highest}${because}`, {
    remedy:
      limitedBy === null ? 'Choose a value in this range.' : `Choose a value in this range, or change ${limitedBy}.`,
    details: { parameter: name, value: String(value), lowest: String(lowest), highest: String(highest) },
  })
}

/** A rule that nobody can change. */
export type FixedParameter = {
  name: string
  contract: 'registry' | 'consensus'
  unit: ParameterUnit
  value: number
  meaning: string
}

const FIXED = [
  {
    name: 'resumeStakeBasisPoints',
    contract: 'registry',
    constant: 'RESUME_STAKE_BASIS_POINTS',
    unit: 'basisPoints',
    meaning: 'part of the minimum stake that a paused node needs to resume',
  },
  {
    name: 'highestVramGb',
    contract: 'registry',
    constant: 'HIGHEST_VRAM_GB',
    unit: 'gigabytes',
    meaning: 'the most GPU memory that a node can name',
  },
  {
    name: 'maximumImages',
    contract: 'consensus',
    constant: 'MAXIMUM_IMAGES',
    unit: 'images',
    meaning: 'the most pictures that a task can ask for',
  },
  {
    name: 'longestRelayUrlBytes',
    contract: 'consensus',
    constant: 'LONGEST_RELAY_URL_BYTES',
    unit: 'bytes',
    meaning: 'the longest URL of a relay',
  },
] as const satisfies readonly (Omit<FixedParameter, 'value'> & { constant: RegistryConstant | ConsensusConstant })[]

/**
 * Reads the rules that are constants of the contracts.
 *
 * @param code as for {@link readParameterBounds}.
 */
export const readFixedParameters = (
  chain: ChainReader,
  { code }: { code?: UndeployedCode } = {},
): Promise<FixedParameter[]> =>
  Promise.all(
    FIXED.map(async ({ constant, ...fixed }) => {
      const value = await readConstant(chain, { contract: fixed.contract, constant, code })
      return { ...fixed, value: Number(value) }
    }),
  )
