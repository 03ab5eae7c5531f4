/** `0x` and hexadecimal digits. */
export type Hex = `0x${string}`
/** A checksummed or lower-case 20-byte account address. */
export type Address = `0x${string}`

/** Bytes → `0x…` in lower case. */
export const bytesToHex = (bytes: Uint8Array): Hex =>
  `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`

/** `0x…` → bytes. The caller has checked the form. */
export const hexToBytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.slice(2), 'hex'))

/** True for `0x` and exactly 64 hexadecimal digits: ids and hashes of tasks. */
export const isHex32 = (value: unknown): value is Hex => typeof value === 'string' && /^0x[0-9a-f]{64}$/i.test(value)
