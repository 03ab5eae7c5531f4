import { createHash } from 'node:crypto'
import { bytesToHex, type Hex } from '../../base/hex.js'

/** The score of an image task: the 8-byte p-hashes of its pictures, in order, in one string (protocol §4). */
export function imageScore(perceptualHashes: readonly Uint8Array[]): Hex {
  return bytesToHex(Buffer.concat(perceptualHashes))
}

/** The score of a text task: the SHA-256 of its result file (protocol §4). */
export function textScore(resultFile: Uint8Array): Hex {
  return bytesToHex(createHash('sha256').update(resultFile).digest())
}
