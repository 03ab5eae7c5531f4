import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'

/** What a derived secret is for; different purposes give unrelated secrets. */
export type SecretPurpose =
  | { use: 'node encryption key' }
  | { use: 'commit salt'; taskId: string }
  | { use: 'arguments salt'; taskId: string }
  | { use: 'result key'; taskId: string }

/**
 * A 32-byte secret that only the wallet's owner can compute, the same every time (HKDF-SHA256, RFC 5869).
 *
 * Salts and task keys are derived instead of stored: nothing secret lies on disk beside the keystore, and a process that was
 * killed between two transactions continues with exactly the values it used before. See docs/decisions.
 */
export const deriveSecret = (walletSecret: Uint8Array, purpose: SecretPurpose): Uint8Array =>
  hkdf(
    sha256,
    walletSecret,
    new TextEncoder().encode('crynux/v1'),
    new TextEncoder().encode('taskId' in purpose ? `${purpose.use}/${purpose.taskId.toLowerCase()}` : purpose.use),
    32,
  )
