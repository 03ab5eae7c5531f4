import { concat, concatBytes, keccak256 } from 'viem/utils'
import type { Hex } from '../base/hex.js'
import type { EnvelopeContent } from './envelope.js'

/**
 * `keccak256(salt ‖ canonical arguments)`. The 32-byte salt is secret: a bare hash of a short prompt could be guessed.
 * Can be shown without giving the arguments away.
 */
export const argumentsDigestOf = ({
  salt,
  canonicalArguments,
}: Pick<EnvelopeContent, 'salt' | 'canonicalArguments'>): Hex => keccak256(concatBytes([salt, canonicalArguments]))

/**
 * The hash that stands on chain for a task's arguments: `keccak256(keccak256(salt ‖ canonical arguments) ‖ resultRecipient)`.
 *
 * It binds the key that results are sealed to: in a dispute the creator shows the inner digest and the key, and thereby that
 * the key is this task's, without showing the prompt. See docs/decisions/0008-args-hash-binds-the-result-key.md.
 */
export const argsHashFromDigest = ({
  argumentsDigest,
  resultRecipient,
}: {
  argumentsDigest: Hex
  resultRecipient: Hex
}): Hex => keccak256(concat([argumentsDigest, resultRecipient]))

/** The same from the content of an envelope. */
export const argsHashOf = (content: EnvelopeContent): Hex =>
  argsHashFromDigest({ argumentsDigest: argumentsDigestOf(content), resultRecipient: content.resultRecipient })
