import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, keccak256 } from 'viem/utils'
import type { Hex } from '../base/hex.js'

/** `keccak256(sha256(file0) ‖ sha256(file1) …)` over the sealed files, in the order of their indices. */
export const resultDigestOf = (sealedFiles: readonly Uint8Array[]): Hex =>
  resultDigestOfHashes(sealedFiles.map((file) => sha256(file)))

/** The same from the files' sha256 hashes (32 bytes each), for who streamed the files to disk. */
export const resultDigestOfHashes = (hashes: readonly Uint8Array[]): Hex => keccak256(concatBytes([...hashes]))
