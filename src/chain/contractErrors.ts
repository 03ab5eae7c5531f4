import type { Abi } from 'viem'
import { crynuxTokenAbi, incentivePoolAbi, nodeRegistryAbi, taskConsensusAbi } from './abi.generated.js'

const all: Abi = [...crynuxTokenAbi, ...nodeRegistryAbi, ...taskConsensusAbi, ...incentivePoolAbi]

/** Every custom error of every contract: a call to one contract can revert with the error of another. */
export const contractErrorsAbi: Abi = all.filter((item) => item.type === 'error')
