import { type Hex, hexToBytes } from '../base/hex.js'

/** Two image scores agree when every 8-byte p-hash differs in fewer bits than this (owner-settable on chain). */
export const DEFAULT_HAMMING_THRESHOLD = 5

/** Number of bits in which two equally long byte strings differ. */
export function hammingDistance(a: Uint8Array, b: Uint8Array): number {
  let distance = 0
  for (let i = 0; i < a.length; i++) {
    for (let bits = (a[i] ?? 0) ^ (b[i] ?? 0); bits !== 0; bits &= bits - 1) distance++
  }
  return distance
}

/**
 * Whether two scores are of one result (protocol §4): equal bytes for text; for images equal length, and in *every* 8-byte
 * block a Hamming distance strictly below `threshold`.
 */
export function scoresAgree(kind: 'image' | 'text', a: Hex, b: Hex, threshold = DEFAULT_HAMMING_THRESHOLD): boolean {
  if (a.length !== b.length) return false
  if (kind === 'text') return a.toLowerCase() === b.toLowerCase()
  const left = hexToBytes(a)
  const right = hexToBytes(b)
  for (let start = 0; start < left.length; start += 8) {
    if (hammingDistance(left.subarray(start, start + 8), right.subarray(start, start + 8)) >= threshold) return false
  }
  return true
}
