import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '../../base/makeFolder.js'
import type { Wallet } from '../../protocol/wallet.js'
import { createKeystore } from '../../store/keystore.js'

/** A wallet of a devnet with the files that a program needs to use it. */
export type DevnetWallet = { wallet: Wallet; keystorePath: string; passwordPath: string }

/** Throw-away wallets: guessing the password costs a millisecond, and so does starting a program that opens them. */
const SCRYPT_N = 1_024

/** Makes a wallet with a random password in `folder`; both files are readable by this user only. */
export async function createDevnetWallet({ folder }: { folder: string }): Promise<DevnetWallet> {
  await makeFolder(folder, { mode: 0o700 })
  const keystorePath = join(folder, 'keystore.json')
  const passwordPath = join(folder, 'password')
  const password = randomBytes(24).toString('base64url')
  const [wallet] = await Promise.all([
    createKeystore({ path: keystorePath, password, scryptN: SCRYPT_N }),
    writeFile(passwordPath, `${password}\n`, { mode: 0o600, flag: 'wx' }),
  ])
  return { wallet, keystorePath, passwordPath }
}
