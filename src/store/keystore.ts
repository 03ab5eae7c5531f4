import { createCipheriv, createDecipheriv, pbkdf2, randomBytes, randomUUID, scrypt, timingSafeEqual } from 'node:crypto'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { concatBytes, keccak256 } from 'viem/utils'
import { CrynuxError, EXIT } from '../base/errors.js'
import { bytesToHex, type Hex, hexToBytes } from '../base/hex.js'
import { makeFolder } from '../base/makeFolder.js'
import { createWallet, type Wallet } from '../protocol/wallet.js'

/** The cost that geth calls "standard": about a second and 256 MiB for each guess of the password. */
const STANDARD_SCRYPT_N = 262_144
const SCRYPT_R = 8
/** A file can ask for any cost; beyond this the machine would be brought down instead of the password checked. */
const MAX_SCRYPT_MEMORY = 1024 * 1024 * 1024
const MAX_KEYSTORE_BYTES = 64 * 1024

export type CreateKeystoreOptions = {
  /** Must not exist yet. Folders above it are made. */
  path: string
  password: string
  /** An existing key to import; a fresh one by default. */
  privateKey?: Hex
  /** The cost of guessing; lower only for throw-away wallets of tests and devnets. */
  scryptN?: number
}

/**
 * Writes a new keystore file (Web3 Secret Storage version 3, as geth and cast use) that only its owner can read.
 *
 * @see https://ethereum.org/en/developers/docs/data-structures-and-encoding/web3-secret-storage/
 * @throws KeystoreError (exit 3) when the file exists or the key is not a private key.
 */
export async function createKeystore(options: CreateKeystoreOptions): Promise<Wallet> {
  const { path, password, privateKey = freshPrivateKey(), scryptN = STANDARD_SCRYPT_N } = options
  const wallet = walletOf(privateKey)
  const content = await encrypt({ privateKey: hexToBytes(privateKey), password, scryptN, address: wallet.address })
  await makeFolder(dirname(path), { mode: 0o700 })
  try {
    // 'wx' never replaces a file: an overwritten keystore is lost money.
    const file = await open(path, 'wx', 0o600)
    try {
      await file.chmod(0o600)
      await file.writeFile(`${JSON.stringify(content, null, 2)}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (cause) {
    throw (cause as NodeJS.ErrnoException).code === 'EEXIST'
      ? new KeystoreError(`'${path}' exists already`, {
          remedy: 'Choose another --keystore; a keystore is never overwritten.',
          cause,
        })
      : new KeystoreError(`'${path}' cannot be written`, {
          remedy: 'Check that the folder exists and may be written.',
          cause,
        })
  }
  return wallet
}

/**
 * Opens a keystore file.
 *
 * @throws KeystoreError (exit 3) when the file is missing, readable by others, damaged, or the password is wrong.
 */
export async function openKeystore({ path, password }: { path: string; password: string }): Promise<Wallet> {
  return walletOf(bytesToHex(await decrypt(parseKeystore(path, await readOwnFile(path)), { path, password })))
}

/** The address that a keystore names, without its password; null when it names none. */
export async function readKeystoreAddress(path: string): Promise<Hex | null> {
  const { address } = parseKeystore(path, await readOwnFile(path))
  return address
}

type Keystore = {
  address: Hex | null
  ciphertext: Buffer
  iv: Buffer
  mac: Buffer
  kdf:
    | { name: 'scrypt'; salt: Buffer; n: number; r: number; p: number }
    | { name: 'pbkdf2'; salt: Buffer; iterations: number }
}

async function encrypt({
  privateKey,
  password,
  scryptN,
  address,
}: {
  privateKey: Uint8Array
  password: string
  scryptN: number
  address: string
}) {
  const salt = randomBytes(32)
  const iv = randomBytes(16)
  const key = await deriveKey(password, { name: 'scrypt', salt, n: scryptN, r: SCRYPT_R, p: 1 })
  const cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), iv)
  const ciphertext = Buffer.concat([cipher.update(privateKey), cipher.final()])
  return {
    version: 3,
    id: randomUUID(),
    address: address.slice(2).toLowerCase(),
    crypto: {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: iv.toString('hex') },
      ciphertext: ciphertext.toString('hex'),
      kdf: 'scrypt',
      kdfparams: { dklen: 32, n: scryptN, r: SCRYPT_R, p: 1, salt: salt.toString('hex') },
      mac: macOf(key, ciphertext).toString('hex'),
    },
  }
}

async function decrypt(
  keystore: Keystore,
  { path, password }: { path: string; password: string },
): Promise<Uint8Array> {
  const key = await deriveKey(password, keystore.kdf)
  if (!timingSafeEqual(macOf(key, keystore.ciphertext), keystore.mac)) {
    throw new KeystoreError(`the password does not open '${path}'`, {
      remedy: 'Check the password (--password-file, CRYNUX_PASSWORD_FILE): one line, without a space at its end.',
    })
  }
  const decipher = createDecipheriv('aes-128-ctr', key.subarray(0, 16), keystore.iv)
  return Buffer.concat([decipher.update(keystore.ciphertext), decipher.final()])
}

const macOf = (key: Uint8Array, ciphertext: Uint8Array): Buffer =>
  Buffer.from(hexToBytes(keccak256(concatBytes([key.subarray(16, 32), ciphertext]))))

function deriveKey(password: string, kdf: Keystore['kdf']): Promise<Buffer> {
  if (kdf.name === 'pbkdf2') return promisify(pbkdf2)(password, kdf.salt, kdf.iterations, 32, 'sha256')
  return new Promise((resolve, reject) => {
    // 128·n·r bytes is what the algorithm needs; the limit is a check on top, so it must be somewhat larger.
    const maxmem = 128 * kdf.n * kdf.r * 2 + 1024 * 1024
    scrypt(password, kdf.salt, 32, { N: kdf.n, r: kdf.r, p: kdf.p, maxmem }, (error, key) =>
      error ? reject(error) : resolve(key),
    )
  })
}

/** Reads the file through one handle, so that what was checked is what is read. */
async function readOwnFile(path: string): Promise<string> {
  let file: Awaited<ReturnType<typeof open>>
  try {
    file = await open(path, constants.O_RDONLY)
  } catch (cause) {
    throw new KeystoreError(`the keystore '${path}' cannot be read`, {
      remedy: 'Name an existing keystore with --keystore (CRYNUX_KEYSTORE), or make one with `crynux wallet create`.',
      cause,
    })
  }
  try {
    const { mode, size } = await file.stat()
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new KeystoreError(
        `the keystore '${path}' can be used by others (mode ${(mode & 0o777).toString(8).padStart(4, '0')})`,
        {
          remedy: `Make it yours alone: chmod 600 ${path}`,
        },
      )
    }
    if (size > MAX_KEYSTORE_BYTES) throw damaged(path)
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

function parseKeystore(path: string, text: string): Keystore {
  const file = lowerCaseKeys(parseJson(text))
  const crypto = lowerCaseKeys(file.crypto)
  const parameters = lowerCaseKeys(crypto.kdfparams)
  const ciphertext = bytesOf(crypto.ciphertext)
  const iv = bytesOf(lowerCaseKeys(crypto.cipherparams).iv)
  const mac = bytesOf(crypto.mac)
  const salt = bytesOf(parameters.salt)
  const sound =
    file.version === 3 &&
    crypto.cipher === 'aes-128-ctr' &&
    ciphertext?.length === 32 &&
    iv?.length === 16 &&
    mac?.length === 32
  if (!sound || !salt || parameters.dklen !== 32) throw damaged(path)
  const kdf = kdfOf(crypto.kdf, parameters, salt)
  if (!kdf) throw damaged(path)
  const address = bytesOf(file.address)
  return { address: address?.length === 20 ? bytesToHex(address) : null, ciphertext, iv, mac, kdf }
}

function kdfOf(name: unknown, parameters: Record<string, unknown>, salt: Buffer): Keystore['kdf'] | null {
  const { n, r, p, c, prf } = parameters
  if (name === 'scrypt' && isCount(n) && isCount(r) && isCount(p)) {
    const isPowerOfTwo = n > 1 && Number.isInteger(Math.log2(n))
    return isPowerOfTwo && p <= 16 && 128 * n * r <= MAX_SCRYPT_MEMORY ? { name, salt, n, r, p } : null
  }
  return name === 'pbkdf2' && prf === 'hmac-sha256' && isCount(c) && c <= 10_000_000
    ? { name, salt, iterations: c }
    : null
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Old clients write `Crypto` where new ones write `crypto`. */
const lowerCaseKeys = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name.toLowerCase(), each]))
    : {}

const bytesOf = (value: unknown): Buffer | undefined =>
  typeof value === 'string' && /^(0x)?([0-9a-f]{2})+$/i.test(value)
    ? Buffer.from(value.replace(/^0x/, ''), 'hex')
    : undefined

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0

/** A random number is a private key unless it is 0 or not below the curve's order: the chance is 2^-128. */
const freshPrivateKey = (): Hex => bytesToHex(randomBytes(32))

function walletOf(privateKey: Hex): Wallet {
  try {
    return createWallet({ privateKey })
  } catch {
    // The cause is left out: it could quote the key.
    throw new KeystoreError('this is not a private key', { remedy: 'A private key is 0x and 64 hexadecimal digits.' })
  }
}

const damaged = (path: string) =>
  new KeystoreError(`'${path}' is not a keystore of version 3`, {
    remedy: 'Use a file made by `crynux wallet create`, `cast wallet import` or geth, or restore it from your backup.',
  })

/** A keystore that cannot be made or opened: exit status 3. */
export class KeystoreError extends CrynuxError {
  override readonly code = 'CRYNUX_KEYSTORE'
  override readonly exitCode = EXIT.configuration
}
