import { Decrypter, Encrypter } from 'age-encryption'
import { CrynuxError, EXIT } from '../base/errors.js'
import { bytesToHex, type Hex, hexToBytes } from '../base/hex.js'
import { ageRecipientOf } from './encryptionKey.js'

/** What an application tells the three drawn nodes, and nobody else. */
export type EnvelopeContent = {
  /** 32 bytes; part of `argsHash`. */
  salt: Uint8Array
  /** The arguments' canonical JSON, byte for byte as hashed. */
  canonicalArguments: Uint8Array
  /** X25519 public key made for this task alone; results are sealed to it. */
  resultRecipient: Hex
}

/** More than three recipients and what other age programs add; each further one costs whoever opens the file a millisecond. */
const HEADER_LIMIT_BYTES = 4_096

/** Seals bytes as one age v1 file to X25519 public keys (32 bytes each, as on chain). */
export async function seal(plaintext: Uint8Array, publicKeys: readonly Hex[]): Promise<Uint8Array> {
  const encrypter = new Encrypter()
  for (const publicKey of publicKeys) encrypter.addRecipient(ageRecipientOf(publicKey))
  return encrypter.encrypt(plaintext)
}

/**
 * Opens an age v1 file with an identity (`AGE-SECRET-KEY-1…`).
 *
 * @throws CannotOpenError when the file is damaged or sealed to somebody else.
 */
export async function open(sealed: Uint8Array, identity: string): Promise<Uint8Array> {
  const decrypter = new Decrypter()
  decrypter.addIdentity(identity)
  try {
    // Every stanza is tried: the megabytes of them that a relay takes would keep a node busy until it is late.
    if (!hasShortHeader(sealed)) throw new TypeError('the header is too long')
    return await decrypter.decrypt(sealed)
  } catch (cause) {
    throw new CannotOpenError('the sealed file cannot be opened with this key', {
      remedy: 'It is damaged, or was sealed to another key; fetch it again or ask its sender.',
      cause,
    })
  }
}

/** Whether the line of the header's checksum, its last, begins early enough. */
function hasShortHeader(sealed: Uint8Array): boolean {
  return Buffer.from(sealed.buffer, sealed.byteOffset, Math.min(sealed.byteLength, HEADER_LIMIT_BYTES)).includes(
    '\n--- ',
  )
}

/** Seals task arguments to the drawn nodes. */
export const sealArguments = (content: EnvelopeContent, publicKeys: readonly Hex[]): Promise<Uint8Array> =>
  seal(
    new TextEncoder().encode(
      JSON.stringify({
        version: 1,
        salt: bytesToHex(content.salt),
        arguments: new TextDecoder().decode(content.canonicalArguments),
        resultRecipient: content.resultRecipient,
      }),
    ),
    publicKeys,
  )

/**
 * Opens task arguments.
 *
 * @throws CannotOpenError when the file is not sealed to `identity` or does not hold an envelope.
 */
export async function openArguments(sealed: Uint8Array, identity: string): Promise<EnvelopeContent> {
  const text = new TextDecoder().decode(await open(sealed, identity))
  const content = parseObject(text)
  const { version, salt, arguments: args, resultRecipient } = content
  if (version !== 1 || !isBytes32(salt) || typeof args !== 'string' || !isBytes32(resultRecipient)) {
    throw new CannotOpenError('the sealed arguments have an unknown form', {
      remedy: 'Sender and receiver must run compatible versions of crynux.',
    })
  }
  return { salt: hexToBytes(salt), canonicalArguments: new TextEncoder().encode(args), resultRecipient }
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

const isBytes32 = (value: unknown): value is Hex => typeof value === 'string' && /^0x[0-9a-f]{64}$/.test(value)

/** A sealed file that this key cannot open. */
export class CannotOpenError extends CrynuxError {
  override readonly code = 'CRYNUX_CANNOT_OPEN'
  override readonly exitCode = EXIT.verificationFailed
}
