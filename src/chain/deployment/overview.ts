import type { Address } from '../../base/hex.js'
import type { NetworkParameters } from '../../protocol/networkParameters.js'
import { call } from '../call.js'
import type { ChainWriter } from '../client.js'
import { type ChainKind, chainKindOf } from './chainKind.js'
import { DEFAULT_PARAMETERS } from './defaultParameters.js'
import { estimatePlanGas } from './estimatePlanGas.js'
import { nameTransaction } from './nameTransaction.js'
import type { DeploymentRequest, NetworkContracts } from './plan.js'
import type { DeploymentRecord } from './record.js'

/** What a deployment is about to do, for whoever pays for it. */
export type DeploymentOverview = {
  chainId: number
  chainKind: ChainKind
  /** Who pays, owns the network, and gets all CNX. */
  owner: Address
  contracts: NetworkContracts
  /** All of them, also those that are left at the contracts' defaults. */
  parameters: NetworkParameters
  relays: DeploymentRequest['relays']
  /** `mined`: done by an earlier run. `sent`: offered to the chain by an earlier run, and in no block yet. */
  transactions: { what: string; gas: bigint; state: 'to send' | 'sent' | 'mined' }[]
  /** About how much the transactions that are not mined yet will use. */
  gas: bigint
  gasPriceWei: bigint
  /** Of the chain's coin, at the present price of gas. */
  costWei: bigint
  balanceWei: bigint
}

/** Sums up what is still to be done, and what it will cost at about the present price of gas. */
export async function overviewOf(
  chain: Pick<ChainWriter, 'client' | 'profile'>,
  { owner, record }: { owner: Address; record: DeploymentRecord },
): Promise<DeploymentOverview> {
  const { steps, contracts, request } = record
  const [gasPriceWei, balanceWei] = await Promise.all([
    call(chain.client.getGasPrice()),
    call(chain.client.getBalance({ address: owner })),
  ])
  const transactions = steps.map((step) => ({
    what: nameTransaction(step, contracts),
    gas: step.mined?.gasUsed ?? estimatePlanGas(step),
    state: step.mined ? ('mined' as const) : step.signed.length > 0 ? ('sent' as const) : ('to send' as const),
  }))
  const gas = transactions.reduce((sum, each) => (each.state === 'mined' ? sum : sum + each.gas), 0n)
  return {
    chainId: chain.profile.chainId,
    chainKind: chainKindOf(chain.profile.chainId),
    owner,
    contracts,
    parameters: { ...DEFAULT_PARAMETERS, ...request.parameters },
    relays: request.relays,
    transactions,
    gas,
    gasPriceWei,
    costWei: gas * gasPriceWei,
    balanceWei,
  }
}
