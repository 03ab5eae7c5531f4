import { encodeAbiParameters, keccak256 } from 'viem/utils'
import type { Address, Hex } from '../base/hex.js'

/** `keccak256(abi.encode(creator, taskKey))`: known before the task is created, so that creating it twice cannot pay twice. */
export const taskIdOf = ({ creator, taskKey }: { creator: Address; taskKey: Hex }): Hex =>
  keccak256(encodeAbiParameters([{ type: 'address' }, { type: 'bytes32' }], [creator, taskKey]))
