import { join } from 'node:path'
import type { Address } from '../../base/hex.js'
import type { Context } from '../../context.js'

/** The address of the user's wallet, without asking for its password where the keystore names it. */
export async function ownAddress(context: Context): Promise<Address> {
  const { readKeystoreAddress } = await import('../../store/keystore.js')
  const known = await readKeystoreAddress(keystorePath(context))
  if (known === null) return (await context.wallet()).address
  const { getAddress } = await import('viem/utils')
  return getAddress(known)
}

/** Where the user's keystore is, or will be. */
export const keystorePath = (context: Context): string =>
  context.setting('keystore') ?? join(context.dataFolder, 'keystore.json')
