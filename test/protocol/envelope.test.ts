import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesToHex } from '../../src/base/hex.js'
import { argsHashOf } from '../../src/protocol/argsHash.js'
import {
  ageRecipientOf,
  encryptionKeyFromIdentity,
  encryptionKeyFromSecret,
  isUsablePublicKey,
} from '../../src/protocol/encryptionKey.js'
import { CannotOpenError, open, openArguments, seal, sealArguments } from '../../src/protocol/envelope.js'

const key = () => encryptionKeyFromSecret(new Uint8Array(randomBytes(32)))

describe('encryption keys', () => {
  it('have the forms of the age specification', () => {
    // The public key of this secret is RFC 7748's scalar multiplication of the base point.
    const { publicKey, recipient, identity } = encryptionKeyFromSecret(new Uint8Array(32).fill(1))
    expect(publicKey).toBe('0xa4e09292b651c278b9772c569f5fa9bb13d906b46ab68c9df9dc2b4409f8a209')
    expect(recipient).toMatch(/^age1[02-9ac-hj-np-z]{58}$/)
    expect(identity).toMatch(/^AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}$/)
    expect(ageRecipientOf(publicKey)).toBe(recipient)
  })
})

describe('identities', () => {
  it('give back their key pair', () => {
    const pair = key()
    expect(encryptionKeyFromIdentity(pair.identity)).toEqual(pair)
  })

  it.each(['', 'age1xyz', `AGE-SECRET-KEY-1${'Q'.repeat(58)}`, key().recipient])(
    'that are none are none: %s',
    (text) => {
      expect(encryptionKeyFromIdentity(text)).toBeUndefined()
    },
  )
})

describe('public keys', () => {
  // Points of low order on Curve25519: https://cr.yp.to/ecdh.html#validate
  const LOW_ORDER = [
    '00'.repeat(32),
    `01${'00'.repeat(31)}`,
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    `ec${'ff'.repeat(30)}7f`,
  ] as const

  it('of low order are of no use: whatever is sealed to them is open to everyone', async () => {
    for (const point of LOW_ORDER) {
      expect(isUsablePublicKey(`0x${point}`)).toBe(false)
      await expect(seal(new Uint8Array([1]), [`0x${point}`])).rejects.toThrow()
    }
    expect(isUsablePublicKey('0x')).toBe(false)
    expect(isUsablePublicKey(key().publicKey)).toBe(true)
  })
})

describe('sealed files', () => {
  it('open for each recipient and nobody else', async () => {
    const [a, b, c, stranger] = [key(), key(), key(), key()]
    const sealed = await seal(new TextEncoder().encode('for three'), [a.publicKey, b.publicKey, c.publicKey])
    for (const { identity } of [a, b, c]) {
      expect(new TextDecoder().decode(await open(sealed, identity))).toBe('for three')
    }
    await expect(open(sealed, stranger.identity)).rejects.toThrow(CannotOpenError)
  })

  it('never open after a flipped byte', async () => {
    const { publicKey, identity } = key()
    const sealed = await seal(new Uint8Array(randomBytes(500)), [publicKey])
    await fc.assert(
      fc.asyncProperty(fc.nat(sealed.length - 1), fc.integer({ min: 1, max: 255 }), async (position, mask) => {
        const damaged = sealed.slice()
        damaged[position] = (damaged[position] ?? 0) ^ mask
        await expect(open(damaged, identity)).rejects.toThrow(CannotOpenError)
      }),
      { numRuns: 50 },
    )
  })
})

describe('a header', () => {
  const noise = (bytes: number) => randomBytes(bytes).toString('base64').replaceAll('=', '')
  const stanzas = (count: number) => `-> X25519 ${noise(32)}\n${noise(32)}\n`.repeat(count)

  it('of endless recipients is refused at once: trying each of them would take minutes', async () => {
    const file = Buffer.from(`age-encryption.org/v1\n${stanzas(20_000)}--- ${noise(32)}\n${noise(60)}`)
    const startedAt = performance.now()
    await expect(open(new Uint8Array(file), key().identity)).rejects.toThrow(CannotOpenError)
    expect(performance.now() - startedAt).toBeLessThan(1_000)
  })

  it('without an end is refused', async () => {
    const file = Buffer.from(`age-encryption.org/v1\n${stanzas(20_000)}`)
    await expect(open(new Uint8Array(file), key().identity)).rejects.toThrow(CannotOpenError)
  })

  it('of more recipients than a task has nodes is no obstacle', async () => {
    const keys = Array.from({ length: 16 }, key)
    const sealed = await seal(
      new Uint8Array([7]),
      keys.map(({ publicKey }) => publicKey),
    )
    expect(await open(sealed, keys.at(-1)?.identity ?? '')).toEqual(new Uint8Array([7]))
  })
})

describe('sealed arguments', () => {
  it('carry salt, canonical bytes and result recipient unchanged', async () => {
    const node = key()
    const result = key()
    const salt = new Uint8Array(randomBytes(32))
    const canonicalArguments = new TextEncoder().encode('{"prompt":"ein Größenvergleich 🦊"}')
    const content = { salt, canonicalArguments, resultRecipient: result.publicKey }
    const opened = await openArguments(await sealArguments(content, [node.publicKey]), node.identity)
    expect(opened).toEqual(content)
    expect(argsHashOf(opened)).toBe(argsHashOf(content))
  })

  it.each([
    ['no JSON', 'hello'],
    [
      'a later version',
      JSON.stringify({
        version: 2,
        salt: bytesToHex(new Uint8Array(32)),
        arguments: '{}',
        resultRecipient: `0x${'00'.repeat(32)}`,
      }),
    ],
    [
      'a short salt',
      JSON.stringify({ version: 1, salt: '0x00', arguments: '{}', resultRecipient: `0x${'00'.repeat(32)}` }),
    ],
    [
      'no arguments',
      JSON.stringify({ version: 1, salt: `0x${'00'.repeat(32)}`, resultRecipient: `0x${'00'.repeat(32)}` }),
    ],
    ['null', 'null'],
  ])('are refused when they hold %s', async (_name, text) => {
    const { publicKey, identity } = key()
    const sealed = await seal(new TextEncoder().encode(text), [publicKey])
    await expect(openArguments(sealed, identity)).rejects.toThrow(CannotOpenError)
  })
})
