import type { Address, Hex } from '../../base/hex.js'
import type { SignedTransaction } from '../send.js'
import type { DeploymentPlan, DeploymentRequest, NetworkContracts, PlannedTransaction } from './plan.js'

/**
 * How far a deployment has come. It is written before each transaction is offered to the chain, so that a process that comes
 * later can go on, whatever happened to this one.
 */
export type DeploymentRecord = {
  request: DeploymentRequest
  contracts: NetworkContracts
  steps: DeploymentStep[]
}

/** One transaction of a deployment. */
export type DeploymentStep = PlannedTransaction & {
  /** Its number in the wallet's order. A creation's address follows from it; a call gets its number when it is signed. */
  nonce: number | null
  /** All that was signed under this number: the first, and its twins with higher fees. */
  signed: SignedTransaction[]
  mined: { hash: Hex; blockNumber: number; gasUsed: bigint } | null
}

/** Where a record is kept between processes. */
export type DeploymentMemory = {
  read(): DeploymentRecord | undefined
  /** Resolves when the record is on the disk. */
  write(record: DeploymentRecord): Promise<void>
}

/** Steps for a plan whose creations begin with this number. */
export const stepsOf = ({ transactions }: DeploymentPlan, nonce: number): DeploymentStep[] =>
  transactions.map((transaction, index) => ({
    ...transaction,
    nonce: transaction.creates === null ? null : nonce + index,
    signed: [],
    mined: null,
  }))

/** Whether two deployments are to make the same network. */
export const isSameRequest = (a: DeploymentRequest, b: DeploymentRequest): boolean => textOf(a) === textOf(b)

const textOf = ({ parameters, relays }: DeploymentRequest): string =>
  JSON.stringify([
    Object.entries(parameters)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, String(value)])
      .sort(([a = ''], [b = '']) => (a < b ? -1 : 1)),
    relays.map(({ address, url }: { address: Address; url: string }) => [address.toLowerCase(), url]),
  ])
