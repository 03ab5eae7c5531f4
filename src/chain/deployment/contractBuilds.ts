import type { Abi } from 'viem'
import type { Hex } from '../../base/hex.js'
import { crynuxTokenAbi, incentivePoolAbi, nodeRegistryAbi, taskConsensusAbi } from '../abi.generated.js'
import {
  crynuxTokenBytecode,
  crynuxTokenRuntime,
  incentivePoolBytecode,
  incentivePoolRuntime,
  nodeRegistryBytecode,
  nodeRegistryRuntime,
  taskConsensusBytecode,
  taskConsensusRuntime,
} from '../bytecode.generated.js'
import type { NetworkContracts } from './plan.js'

/** What the compiler made of one contract. */
export type ContractBuild = {
  /** The contract's name in Solidity. */
  name: string
  abi: Abi
  /** Runs once and returns the code that stays; the constructor's arguments follow it. */
  bytecode: Hex
  runtime: {
    /** Where in `bytecode` the code that stays begins, in bytes; it reaches to the end. */
    offset: number
    /** Where in that code the constructor writes each immutable, 32 bytes at each place. */
    immutables: Readonly<Record<string, readonly number[]>>
  }
}

/** The build of each contract, in the order in which they are created. */
export const CONTRACT_BUILDS: Readonly<Record<keyof NetworkContracts, ContractBuild>> = {
  token: { name: 'CrynuxToken', abi: crynuxTokenAbi, bytecode: crynuxTokenBytecode, runtime: crynuxTokenRuntime },
  incentivePool: {
    name: 'IncentivePool',
    abi: incentivePoolAbi,
    bytecode: incentivePoolBytecode,
    runtime: incentivePoolRuntime,
  },
  registry: {
    name: 'NodeRegistry',
    abi: nodeRegistryAbi,
    bytecode: nodeRegistryBytecode,
    runtime: nodeRegistryRuntime,
  },
  consensus: {
    name: 'TaskConsensus',
    abi: taskConsensusAbi,
    bytecode: taskConsensusBytecode,
    runtime: taskConsensusRuntime,
  },
}

/** The contracts in the order in which they are created. */
export const CONTRACT_ORDER = Object.keys(CONTRACT_BUILDS) as readonly (keyof NetworkContracts)[]
