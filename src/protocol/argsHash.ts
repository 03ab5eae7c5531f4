import { concatBytes, keccak256 } from 'viem/utils'
import type { Hex } from '../base/hex.js'

/**
 * The hash that stands on chain for the arguments: `keccak256(salt ‖ canonical bytes)`.
 * The 32-byte salt is secret too: a bare hash of a short prompt could be guessed.
 */
export const argsHashOf = ({ salt, canonicalArguments }: { salt: Uint8Array; canonicalArguments: Uint8Array }): Hex =>
  keccak256(concatBytes([salt, canonicalArguments]))
