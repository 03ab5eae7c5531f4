import { CrynuxError, EXIT } from '../../base/errors.js'
import type { Address, Hex } from '../../base/hex.js'
import type { ChainWriter } from '../../chain/client.js'
import { readOwners } from '../../chain/read/owners.js'
import {
  checkParameter,
  PARAMETER_DEFINITIONS,
  type ParameterUnit,
  readParameterBounds,
} from '../../chain/read/parameterBounds.js'
import { readParameters } from '../../chain/read/parameters.js'
import { estimateGas } from '../../chain/send.js'
import { parameterCall, setParameter } from '../../chain/write/setParameter.js'
import type { NetworkParameters } from '../../protocol/networkParameters.js'
import { saveNetworkProfile } from '../../store/networkProfile.js'

/** What became of a parameter. */
export type ParameterChange = {
  name: keyof NetworkParameters
  unit: ParameterUnit
  before: number | bigint
  value: number | bigint
  dryRun: boolean
  /** What the transaction would use at most, with dryRun only. */
  gas: bigint | null
  /** null when it was so already, or with dryRun. */
  transaction: Hex | null
  /** Whether the profile, which names the parameters, was brought up to date. */
  profileUpdated: boolean
}

/**
 * Sets one parameter of the network, after comparing it with the contract's bounds.
 *
 * @param profilePath the profile that is brought up to date when it names the parameters.
 * @throws InvalidInputError (2) outside of the bounds; NotOwnerError (3); TransactionRevertedError
 */
export async function changeParameter(
  chain: ChainWriter,
  {
    name,
    value,
    dryRun,
    profilePath,
  }: { name: keyof NetworkParameters; value: number | bigint; dryRun: boolean; profilePath: string | undefined },
): Promise<ParameterChange> {
  const { contract, unit } = PARAMETER_DEFINITIONS[name]
  const [present, bounds, owners] = await Promise.all([
    readParameters(chain),
    readParameterBounds(chain),
    readOwners(chain),
  ])
  const parameters: NetworkParameters = { ...present, [name]: value }
  checkParameter(name, { hard: bounds[name], parameters })
  const { owner } = owners[contract]
  const wallet = chain.account.address
  if (owner.toLowerCase() !== wallet.toLowerCase()) throw new NotOwnerError({ wallet, owner })
  const change = { name, unit, before: present[name], value, dryRun, gas: null, transaction: null }
  const isSame = BigInt(present[name]) === BigInt(value)
  if (dryRun) {
    const gas = isSame ? 0n : await estimateGas(chain, parameterCall(chain, { name, parameters }))
    return { ...change, gas, profileUpdated: false }
  }
  const transaction = isSame ? null : (await setParameter(chain, { name, parameters })).hash
  return { ...change, transaction, profileUpdated: await updateProfile(chain, { name, value, profilePath }) }
}

/** The chain is what counts: a profile that cannot be written is no failure. */
async function updateProfile(
  { profile }: ChainWriter,
  { name, value, profilePath }: { name: string; value: number | bigint; profilePath: string | undefined },
): Promise<boolean> {
  if (profilePath === undefined || profile.parameters === undefined) return false
  try {
    await saveNetworkProfile(profilePath, { ...profile, parameters: { ...profile.parameters, [name]: value } })
    return true
  } catch {
    return false
  }
}

/** The wallet does not own the network: exit status 3. */
export class NotOwnerError extends CrynuxError {
  override readonly code = 'CRYNUX_NOT_OWNER'
  override readonly exitCode = EXIT.configuration
  constructor({ wallet, owner }: { wallet: Address; owner: Address }) {
    super(`wallet ${wallet} does not own the network`, {
      remedy: `Use the wallet of the owner, ${owner}.`,
      details: { wallet, owner },
    })
  }
}
