import { x25519 } from '@noble/curves/ed25519.js'
import { bech32 } from '@scure/base'
import { bytesToHex, type Hex, hexToBytes } from '../base/hex.js'

/** An X25519 key pair in the three forms that the network uses. */
export type EncryptionKey = {
  /** 32 bytes, as registered on chain. */
  publicKey: Hex
  /** `age1…` */
  recipient: string
  /** `AGE-SECRET-KEY-1…`; secret. */
  identity: string
}

/** The key pair of a 32-byte X25519 secret. */
export function encryptionKeyFromSecret(secret: Uint8Array): EncryptionKey {
  const publicKey = bytesToHex(x25519.getPublicKey(secret))
  return {
    publicKey,
    recipient: ageRecipientOf(publicKey),
    identity: bech32.encodeFromBytes('AGE-SECRET-KEY-', secret).toUpperCase(),
  }
}

/**
 * The key pair of an age identity, `AGE-SECRET-KEY-1…`; undefined when it is none.
 */
export function encryptionKeyFromIdentity(identity: string): EncryptionKey | undefined {
  try {
    const { prefix, bytes } = bech32.decodeToBytes(identity)
    return prefix === 'age-secret-key-' && bytes.length === 32 ? encryptionKeyFromSecret(bytes) : undefined
  } catch {
    return undefined
  }
}

/** Whether anything can be sealed to a public key: a point of low order gives everyone the same secret, and is refused (RFC 7748). */
export function isUsablePublicKey(publicKey: Hex): boolean {
  try {
    x25519.getSharedSecret(ANY_SECRET, hexToBytes(publicKey))
    return true
  } catch {
    return false
  }
}

const ANY_SECRET = new Uint8Array(32).fill(1)

/** A public key as on chain → an age recipient, `age1…`. */
export const ageRecipientOf = (publicKey: Hex): string => bech32.encodeFromBytes('age', hexToBytes(publicKey))
