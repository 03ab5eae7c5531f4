import { type LocalAccount, privateKeyToAccount } from 'viem/accounts'
import { type Address, type Hex, hexToBytes } from '../base/hex.js'
import { deriveSecret, type SecretPurpose } from './derivedSecret.js'

/** A private key in use: it signs and derives secrets, and cannot be read back. */
export type Wallet = {
  address: Address
  account: LocalAccount
  /** 32 bytes for one purpose, the same every time. */
  deriveSecret(purpose: SecretPurpose): Uint8Array
}

/** The wallet of a private key, 32 bytes as hex. */
export function createWallet({ privateKey }: { privateKey: Hex }): Wallet {
  const account = privateKeyToAccount(privateKey)
  const secret = hexToBytes(privateKey)
  return { address: account.address, account, deriveSecret: (purpose) => deriveSecret(secret, purpose) }
}
