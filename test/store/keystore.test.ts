import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bytesToHex } from '../../src/base/hex.js'
import { createWallet } from '../../src/protocol/wallet.js'
import { createKeystore, KeystoreError, openKeystore, readKeystoreAddress } from '../../src/store/keystore.js'

const PUBLISHED = {
  password: 'testpassword',
  privateKey: '0x7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d',
  pbkdf2: {
    crypto: {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: '6087dab2f9fdbbfaddc31a909735c1e6' },
      ciphertext: '5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46',
      kdf: 'pbkdf2',
      kdfparams: {
        c: 262144,
        dklen: 32,
        prf: 'hmac-sha256',
        salt: 'ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd',
      },
      mac: '517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2',
    },
    id: '3198bc9c-6672-5ab3-d995-4942343ae5b6',
    version: 3,
  },
  /** A very light one from geth's own test data; its password is empty. */
  scrypt: {
    address: '45dea0fb0bba44f4fcf290bba71fd57d7117cbb8',
    Crypto: {
      cipher: 'aes-128-ctr',
      ciphertext: 'b87781948a1befd247bff51ef4063f716cf6c2d3481163e9a8f42e1f9bb74145',
      cipherparams: { iv: 'dc4926b48a105133d2f16b96833abf1e' },
      kdf: 'scrypt',
      kdfparams: {
        dklen: 32,
        n: 2,
        p: 1,
        r: 8,
        salt: '004244bbdc51cadda545b1cfa43cff9ed2ae88e08c61f1479dbb45410722f8f0',
      },
      mac: '39990c1684557447940d4c69e06b1b82b2aceacb43f284df65c956daf3046b85',
    },
    id: 'ce541d8d-c79b-40f8-9f8c-20f59616faba',
    version: 3,
  },
} as const

const password = 'correct horse'
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crynux-keystore-'))
})
afterAll(() => rm(folder, { recursive: true }))

const failure = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(() => undefined).catch((error: unknown) => error)

describe('keystore', () => {
  it('opens the published example of Web3 Secret Storage', async () => {
    const path = join(folder, 'pbkdf2.json')
    await writeFile(path, JSON.stringify(PUBLISHED.pbkdf2), { mode: 0o600 })
    const wallet = await openKeystore({ path, password: PUBLISHED.password })
    expect(wallet.address).toBe(createWallet(PUBLISHED).address)
  })

  it('opens a file made by geth', async () => {
    const path = join(folder, 'scrypt.json')
    await writeFile(path, JSON.stringify(PUBLISHED.scrypt), { mode: 0o600 })
    const wallet = await openKeystore({ path, password: '' })
    expect(wallet.address.toLowerCase()).toBe(`0x${PUBLISHED.scrypt.address}`)
  })

  it('gives back the wallet that was stored, with the same derived secrets', async () => {
    const path = join(folder, 'new', 'deeper', 'wallet.json')
    const made = await createKeystore({ path, password, scryptN: 4096 })
    const opened = await openKeystore({ path, password })
    expect(opened.address).toBe(made.address)
    expect(opened.deriveSecret({ use: 'node encryption key' })).toEqual(
      made.deriveSecret({ use: 'node encryption key' }),
    )
    expect(await readKeystoreAddress(path)).toBe(made.address.toLowerCase())
  })

  it('keeps the key out of the file, and the file to its owner', async () => {
    const path = join(folder, 'secret.json')
    const privateKey = bytesToHex(randomBytes(32))
    await createKeystore({ path, password, privateKey, scryptN: 1024 })
    expect(await readFile(path, 'utf8')).not.toContain(privateKey.slice(2))
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  it('costs 2^18 by default, as geth does', async () => {
    const path = join(folder, 'standard.json')
    await createKeystore({ path, password })
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({
      version: 3,
      crypto: { kdf: 'scrypt', kdfparams: { n: 262_144, r: 8, p: 1, dklen: 32 } },
    })
  })

  it('never overwrites a file', async () => {
    const path = join(folder, 'kept.json')
    const { address } = await createKeystore({ path, password, scryptN: 1024 })
    expect(await failure(createKeystore({ path, password, scryptN: 1024 }))).toMatchObject({
      message: `'${path}' exists already`,
      exitCode: 3,
    })
    expect((await openKeystore({ path, password })).address).toBe(address)
  })

  it('refuses a wrong password, a missing file, a file open to others, and damage, each with its remedy', async () => {
    const path = join(folder, 'refused.json')
    await createKeystore({ path, password, scryptN: 1024 })
    expect(await failure(openKeystore({ path, password: 'wrong' }))).toMatchObject({
      message: `the password does not open '${path}'`,
      exitCode: 3,
    })
    expect(await failure(openKeystore({ path: `${path}.not`, password }))).toMatchObject({
      message: `the keystore '${path}.not' cannot be read`,
    })
    await chmod(path, 0o640)
    expect(await failure(openKeystore({ path, password }))).toMatchObject({
      message: `the keystore '${path}' can be used by others (mode 0640)`,
      remedy: `Make it yours alone: chmod 600 ${path}`,
    })
    await writeFile(path, '{"version":3', { mode: 0o600 })
    await chmod(path, 0o600)
    expect(await failure(openKeystore({ path, password }))).toBeInstanceOf(KeystoreError)
  })

  it('refuses a file that asks for more memory than a password check may take', async () => {
    const path = join(folder, 'bomb.json')
    const bomb = structuredClone(PUBLISHED.scrypt) as { Crypto: { kdfparams: { n: number; r: number } } }
    bomb.Crypto.kdfparams = { ...bomb.Crypto.kdfparams, n: 2 ** 30, r: 8 }
    await writeFile(path, JSON.stringify(bomb), { mode: 0o600 })
    expect(await failure(openKeystore({ path, password }))).toMatchObject({
      message: `'${path}' is not a keystore of version 3`,
    })
  })

  it('does not quote what is not a private key', async () => {
    const error = await failure(
      createKeystore({ path: join(folder, 'no.json'), password, privateKey: '0xsecret', scryptN: 1024 }),
    )
    expect(error).toMatchObject({ message: 'this is not a private key', exitCode: 3 })
    expect(JSON.stringify(error)).not.toContain('secret')
  })
})
