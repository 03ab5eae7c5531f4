import { encodeAbiParameters, keccak256 } from 'viem/utils'
import type { Address, Hex } from '../base/hex.js'
import type { Outcome } from './outcome.js'

const PARAMETERS = [
  { type: 'uint256' }, // chain id
  { type: 'address' }, // TaskConsensus
  { type: 'bytes32' }, // task id
  { type: 'address' }, // node
  { type: 'uint8' }, // outcome
  { type: 'bytes32' }, // keccak256(score)
  { type: 'bytes32' }, // salt
] as const

export type CommitmentParameters = {
  chainId: number
  consensus: Address
  taskId: Hex
  node: Address
  outcome: Outcome
  /** 8 bytes for each image, 32 for text, empty for an error. */
  score: Hex
  /** 32 secret bytes; without them nobody can test a guess of the score. */
  salt: Hex
}

/**
 * A node's promise of its outcome (protocol §4). It names chain, contract, task and node, so that a copy of it is worthless
 * to anyone else.
 */
export const commitmentOf = (p: CommitmentParameters): Hex =>
  keccak256(
    encodeAbiParameters(PARAMETERS, [
      BigInt(p.chainId),
      p.consensus,
      p.taskId,
      p.node,
      p.outcome,
      keccak256(p.score),
      p.salt,
    ]),
  )
