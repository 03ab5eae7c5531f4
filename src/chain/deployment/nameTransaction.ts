import { decodeFunctionData } from 'viem'
import { CONTRACT_BUILDS, CONTRACT_ORDER } from './contractBuilds.js'
import type { NetworkContracts, PlannedTransaction } from './plan.js'

/** A planned transaction in words: `create NodeRegistry`, `NodeRegistry.setUnbonding(90)`. */
export function nameTransaction({ to, data, creates }: PlannedTransaction, contracts: NetworkContracts): string {
  const target = (creates ?? to ?? '').toLowerCase()
  const contract = CONTRACT_ORDER.find((each) => contracts[each].toLowerCase() === target)
  if (contract === undefined) return `a transaction to ${to ?? 'a new contract'}`
  const { name, abi } = CONTRACT_BUILDS[contract]
  if (creates !== null) return `create ${name}`
  const { functionName, args = [] } = decodeFunctionData({ abi, data })
  return `${name}.${functionName}(${args.map(String).join(', ')})`
}
