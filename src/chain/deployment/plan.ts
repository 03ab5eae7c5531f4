import type { Address, Hex } from '../../base/hex.js'
import type { NetworkParameters } from '../read/parameters.js'

/** The rules and relays of a new network. What is left out has the contracts' defaults. */
export type DeploymentRequest = {
  parameters: Partial<NetworkParameters>
  relays: readonly { address: Address; url: string }[]
}

/** The transactions that make a network, in their order, and where its contracts will be. */
export type DeploymentPlan = {
  transactions: readonly {
    /** null creates a contract. */
    to: Address | null
    data: Hex
    /** The address of the contract that it creates. */
    creates: Address | null
  }[]
  contracts: { token: Address; registry: Address; consensus: Address; incentivePool: Address }
}
