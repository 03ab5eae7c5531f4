import { expect, test } from 'vitest'
import { signInMessage } from '../../../src/protocol/signIn.js'
import {
  createCast,
  fetchNonce,
  postSession,
  problemOf,
  signIn,
  signInFieldsFor,
  startTestRelay,
  TASK_ID,
  type TestRelay,
} from './testRelay.js'

const NODE_PATH = `/v1/tasks/${TASK_ID}/arguments`

async function statusWith(relay: TestRelay, token: string): Promise<number> {
  const response = await fetch(`${relay.url}${NODE_PATH}`, { headers: { authorization: `Bearer ${token}` } })
  await response.text()
  return response.status
}

test.each([
  ['domain', { domain: 'other.example' }],
  ['URI', { uri: 'http://other.example' }],
  ['chain id', { chainId: 1 }],
  ['nonce', { nonce: 'f'.repeat(32) }],
  ['issue time in the past', { issuedAt: '2020-01-01T00:00:00.000Z' }],
  ['issue time in the future', { issuedAt: '2099-01-01T00:00:00.000Z', expirationTime: '2099-01-01T00:01:00.000Z' }],
  ['expiry in the past', { expirationTime: '2020-01-01T00:00:00.000Z' }],
  ['expiry in a year', { expirationTime: new Date(Date.now() + 365 * 86_400_000).toISOString() }],
  ['address', { address: '0x00000000000000000000000000000000000000aa' as const }],
])('a properly signed message with another %s is refused', async (_name, change) => {
  const relay = await startTestRelay()
  const { creator } = relay.cast
  const message = signInMessage({ ...signInFieldsFor(relay.url, creator, await fetchNonce(relay.url)), ...change })
  const response = await postSession(relay.url, message, await creator.account.signMessage({ message }))
  expect(await problemOf(response)).toEqual([401, 'sign-in-failed'])
})

test('a message that was changed after signing is refused in every field', async () => {
  const relay = await startTestRelay()
  const { creator, node1 } = relay.cast
  for (const change of [
    { statement: 'x' },
    { issuedAt: new Date(Date.now() - 1_000).toISOString() },
    { expirationTime: new Date(Date.now() + 100_000).toISOString() },
    { address: node1.address },
  ]) {
    const fields = signInFieldsFor(relay.url, creator, await fetchNonce(relay.url))
    const signature = await creator.account.signMessage({ message: signInMessage(fields) })
    const changed =
      'statement' in change
        ? signInMessage(fields).replace('This costs nothing', 'This costs much')
        : signInMessage({ ...fields, ...change })
    expect(await problemOf(await postSession(relay.url, changed, signature))).toEqual([401, 'sign-in-failed'])
  }
})

test('the same message twice, and a nonce after its time, are refused', async () => {
  const relay = await startTestRelay()
  const { creator } = relay.cast
  const message = signInMessage(signInFieldsFor(relay.url, creator, await fetchNonce(relay.url)))
  const signature = await creator.account.signMessage({ message })
  expect((await postSession(relay.url, message, signature)).status).toBe(201)
  expect(await problemOf(await postSession(relay.url, message, signature))).toEqual([401, 'sign-in-failed'])

  const late = signInMessage({
    ...signInFieldsFor(relay.url, creator, await fetchNonce(relay.url)),
    expirationTime: new Date(Date.now() + 3_000_000).toISOString(),
  })
  relay.clock.advance(5 * 60_000)
  const refused = await postSession(relay.url, late, await creator.account.signMessage({ message: late }))
  expect(await problemOf(refused)).toEqual([401, 'sign-in-failed'])
})

test('a message for relay A is refused by relay B, even with a nonce of B', async () => {
  const [a, b] = [await startTestRelay(), await startTestRelay()]
  const { creator } = a.cast
  const message = signInMessage(signInFieldsFor(a.url, creator, await fetchNonce(b.url)))
  const signature = await creator.account.signMessage({ message })
  expect(await problemOf(await postSession(b.url, message, signature))).toEqual([401, 'sign-in-failed'])
})

test('only the canonical form of a signature is taken: 65 bytes, low s, v 27 or 28', async () => {
  const relay = await startTestRelay()
  const { creator } = relay.cast
  const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
  const twin = (signature: string) => {
    const s = ORDER - BigInt(`0x${signature.slice(66, 130)}`)
    return `${signature.slice(0, 66)}${s.toString(16).padStart(64, '0')}${signature.endsWith('1b') ? '1c' : '1b'}`
  }
  const others: [string, (signature: string) => string][] = [
    ['high-s twin', twin],
    ['v 0 or 1', (signature) => signature.slice(0, 130) + (signature.endsWith('1b') ? '00' : '01')],
    ['64 bytes', (signature) => signature.slice(0, 130)],
    ['66 bytes', (signature) => `${signature}00`],
    ['zero s', (signature) => `${signature.slice(0, 66)}${'0'.repeat(64)}1b`],
    ['empty', () => '0x'],
    ['no hex', (signature) => `${signature.slice(0, -2)}zz`],
  ]
  for (const [name, change] of others) {
    const message = signInMessage(signInFieldsFor(relay.url, creator, await fetchNonce(relay.url)))
    const signature = change(await creator.account.signMessage({ message }))
    const response = await postSession(relay.url, message, signature)
    expect([name, ...(await problemOf(response))]).toEqual([name, 401, 'sign-in-failed'])
  }
})

test('a session ends after ten minutes, by sign-out, and with the process', async () => {
  const cast = createCast()
  const relay = await startTestRelay({ cast })
  const first = await signIn(relay.url, cast.node1)
  expect(await statusWith(relay, first)).toBe(404)
  relay.clock.advance(10 * 60_000 - 1_000)
  expect(await statusWith(relay, first)).toBe(404)
  relay.clock.advance(1_000)
  expect(await statusWith(relay, first)).toBe(401)

  const again = await startTestRelay({ cast })
  const second = await signIn(again.url, cast.node1)
  const signOut = () =>
    fetch(`${again.url}/v1/auth/session`, { method: 'DELETE', headers: { authorization: `Bearer ${second}` } })
  expect((await signOut()).status).toBe(204)
  expect(await statusWith(again, second)).toBe(401)
  expect((await signOut()).status).toBe(401)

  const third = await signIn(again.url, cast.node1)
  await again.close()
  const restarted = await startTestRelay({ cast, chain: again.chain, dataFolder: again.folder })
  expect(await statusWith(restarted, third)).toBe(401)
})

test.each(['', 'Bearer', 'Bearer x', 'Basic dTpw', `Bearer ${'A'.repeat(43)}`, `bearer ${'A'.repeat(43)}`])(
  'authorization "%s" opens nothing',
  async (authorization) => {
    const relay = await startTestRelay()
    const response = await fetch(`${relay.url}${NODE_PATH}`, { headers: { authorization } })
    expect(response.headers.get('www-authenticate')).toBe('Bearer')
    expect(await problemOf(response)).toEqual([401, 'not-signed-in'])
  },
)
