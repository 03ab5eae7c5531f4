import { createSiweMessage, parseSiweMessage } from 'viem/siwe'
import { expect, test } from 'vitest'
import { parseSignInMessage, signInMessage } from '../../src/protocol/signIn.js'

const FIELDS = {
  domain: 'relay.example:8443',
  address: '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266',
  uri: 'https://relay.example:8443',
  chainId: 31337,
  nonce: 'abcdefgh12345678',
  issuedAt: '2026-11-21T07:00:00.000Z',
  expirationTime: '2026-11-21T07:05:00.000Z',
} as const

test('a message comes back as it was, and viem reads it the same', () => {
  const message = signInMessage(FIELDS)
  expect(parseSignInMessage(message)).toEqual(FIELDS)
  expect(parseSiweMessage(message)).toMatchObject({
    domain: FIELDS.domain,
    address: FIELDS.address,
    uri: FIELDS.uri,
    chainId: FIELDS.chainId,
    nonce: FIELDS.nonce,
    issuedAt: new Date(FIELDS.issuedAt),
    expirationTime: new Date(FIELDS.expirationTime),
  })
})

test('messages of other wallets are read, with and without statement and resources', () => {
  const times = { issuedAt: new Date(FIELDS.issuedAt), expirationTime: new Date(FIELDS.expirationTime) }
  const common = { ...FIELDS, ...times, version: '1' as const }
  expect(parseSignInMessage(createSiweMessage(common))).toEqual(FIELDS)
  const rich = { ...common, statement: 'Hello', requestId: '7', resources: ['https://a.example', 'https://b.example'] }
  expect(parseSignInMessage(createSiweMessage(rich))).toEqual(FIELDS)
  const later = new Date('2026-11-21T07:01:00.000Z')
  expect(parseSignInMessage(createSiweMessage({ ...common, notBefore: later }))).toEqual({
    ...FIELDS,
    notBefore: later.toISOString(),
  })
})

test.each([
  ['without an expiry', (text: string) => text.replace(/\nExpiration Time: .*/, '')],
  ['of another version', (text: string) => text.replace('Version: 1', 'Version: 2')],
  ['with a field twice', (text: string) => text.replace(/(\nNonce: .*)/, '$1$1')],
  ['with a line in front', (text: string) => `x\n${text}`],
  ['with a line behind', (text: string) => `${text}\nx`],
  ['with a date that is none', (text: string) => text.replace(/Issued At: .*/, 'Issued At: now')],
  ['with a short nonce', (text: string) => text.replace(/Nonce: .*/, 'Nonce: abc')],
  ['with carriage returns', (text: string) => text.replaceAll('\n', '\r\n')],
  ['with a short address', (text: string) => text.replace(/0x.*/, '0x1234')],
  ['with a path in its domain', (text: string) => text.replace('8443 wants', '8443/x wants')],
])('a message %s is none', (_name, change) => {
  expect(parseSignInMessage(change(signInMessage(FIELDS)))).toBeNull()
})

test('fields inside a statement do not count', () => {
  const message = signInMessage(FIELDS).replace(/\n\n(.*)\n\n/, '\n\nURI: https://evil.example\n\n')
  expect(parseSignInMessage(message)).toEqual(FIELDS)
  const twoLines = signInMessage(FIELDS).replace(/\n\n(.*)\n\n/, '\n\nHello\nURI: https://evil.example\n\n')
  expect(parseSignInMessage(twoLines)).toBeNull()
})

test('a very long text is refused at once', () => {
  expect(parseSignInMessage(`${signInMessage(FIELDS)}\nResources:${'\n- x'.repeat(100_000)}`)).toBeNull()
})
