import type { Address, Hex } from '../../base/hex.js'
import type { NetworkParameters } from '../../protocol/networkParameters.js'

/** The rules and relays of a new network. What is left out has the contracts' defaults. */
export type DeploymentRequest = {
  parameters: Partial<NetworkParameters>
  relays: readonly { address: Address; url: string }[]
}

/** The contracts of one network by what they are for. */
export type NetworkContracts = { token: Address; registry: Address; consensus: Address; incentivePool: Address }

/** One transaction of a deployment, not signed yet. */
export type PlannedTransaction = {
  /** null creates a contract. */
  to: Address | null
  data: Hex
  /** The address of the contract that it creates. */
  creates: Address | null
}

/** The transactions that make a network, in their order, and where its contracts will be. */
export type DeploymentPlan = {
  transactions: readonly PlannedTransaction[]
  contracts: NetworkContracts
}
