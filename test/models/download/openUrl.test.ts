import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type NetworkRules, publicInternet } from '../../../src/models/download/networkRules.js'
import { createUrlOpener } from '../../../src/models/download/openUrl.js'
import { isPublicAddress } from '../../../src/models/download/publicAddress.js'

const { signal } = new AbortController()
let server: Server
let port: number
/** Every connection that anybody makes to this machine's server. */
let connections = 0
let listener: RequestListener
beforeAll(async () => {
  server = createServer((request, response) => listener(request, response))
  server.on('connection', () => connections++)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
})
afterAll(() => server.close())

/** Opens a URL and returns the error, or the status. */
async function attempt(url: string, rules: NetworkRules, trustedOrigin?: string): Promise<unknown> {
  const opener = createUrlOpener({ rules, trustedOrigin, answerTimeoutMs: 10_000 })
  try {
    const { response, status } = await opener.open(new URL(url), { signal })
    response.destroy()
    return status
  } catch (error) {
    return error
  } finally {
    opener.close()
  }
}

const REFUSED = { code: 'CRYNUX_UNSAFE_URL', exitCode: 2 }

describe('addresses', () => {
  test.each([
    ...[
      '0.0.0.0',
      '10.1.2.3',
      '100.64.0.1',
      '127.0.0.1',
      '127.255.255.254',
      '169.254.169.254',
      '172.16.0.1',
      '172.31.255.255',
    ],
    ...[
      '192.0.0.1',
      '192.0.2.1',
      '192.168.1.1',
      '198.18.0.1',
      '198.51.100.1',
      '203.0.113.9',
      '224.0.0.1',
      '255.255.255.255',
    ],
    ...[
      '::',
      '::1',
      '::ffff:127.0.0.1',
      '::ffff:8.8.8.8',
      '64:ff9b::7f00:1',
      'fc00::1',
      'fd12::1',
      'fe80::1',
      'ff02::1',
    ],
    ...['2001::1', '2001:db8::1', '2002:7f00:1::', '3fff::1', '100::1', 'not an address', ''],
  ])('%s is not of the public internet', (address) => expect(isPublicAddress(address)).toBe(false))

  test.each([
    '8.8.8.8',
    '100.63.255.255',
    '172.32.0.1',
    '192.169.0.1',
    '223.255.255.255',
    '2606:4700::1111',
    '2a00:1450::1',
  ])('%s is', (address) => expect(isPublicAddress(address)).toBe(true))
})

describe('with the rules of production, no connection is made', () => {
  const hosts = [
    '127.0.0.1',
    '0x7f.1',
    '2130706433',
    '017700000001',
    '[::ffff:127.0.0.1]',
    '[::1]',
    '0',
    '169.254.169.254',
  ]
  test.each([...hosts.map((host) => `https://${host}:PORT/`), 'http://example.com/', 'file:///etc/passwd', 'ftp://x/'])(
    '%s',
    async (url) => {
      connections = 0
      expect(await attempt(url.replace('PORT', String(port)), publicInternet)).toMatchObject(REFUSED)
      expect(connections).toBe(0)
    },
  )

  test.each([[['127.0.0.1']], [['93.184.216.34', '10.0.0.1']], [['::ffff:127.0.0.1']]])(
    'a name that leads to %j',
    async (addresses) => {
      connections = 0
      const rules = { ...publicInternet, resolve: async () => addresses }
      expect(await attempt(`https://model.example:${port}/`, rules)).toMatchObject(REFUSED)
      expect(connections).toBe(0)
    },
  )

  test.each([
    'https://127.0.0.1:PORT/x',
    'https://[::1]:PORT/x',
    'https://2130706433:PORT/',
    'file:///etc/passwd',
    '//169.254.169.254/latest',
  ])('after a redirect to %s', async (target) => {
    listener = (_request, response) => response.writeHead(302, { location: target.replace('PORT', '1') }).end()
    connections = 0
    // The first server is one that the operator trusts; where it leads to is not.
    const origin = `http://127.0.0.1:${port}`
    expect(await attempt(`${origin}/`, publicInternet, origin)).toMatchObject(REFUSED)
    expect(connections).toBe(1)
  })
})

test('the connection goes to the address that was checked, though the name changes its mind', async () => {
  listener = (_request, response) => response.end('ok')
  const answers = [['127.0.0.1'], ['127.0.0.2']]
  let lookups = 0
  const rules: NetworkRules = {
    resolve: async () => answers[lookups++] ?? [],
    allowsAddress: (address) => address === '127.0.0.1',
    protocols: ['http:'],
  }
  expect(await attempt(`http://rebinding.example:${port}/`, rules)).toBe(200)
  expect(lookups).toBe(1)
})

test('a server that accepts and says nothing is given up', async () => {
  listener = () => {}
  const opener = createUrlOpener({
    rules: { ...publicInternet, allowsAddress: () => true, protocols: ['http:'] },
    answerTimeoutMs: 50,
  })
  await expect(opener.open(new URL(`http://127.0.0.1:${port}/`), { signal })).rejects.toThrow('does not answer within')
  opener.close()
})
