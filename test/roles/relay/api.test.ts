import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { RELAY_PROBLEMS } from '../../../src/protocol/relayProblem.js'
import { OPERATIONS } from '../../../src/roles/relay/openApi.js'
import { CannotListenError } from '../../../src/roles/relay/serveRelay.js'
import { CONSENSUS, problemOf, startTestRelay, TASK_ID, temporaryFolder } from './testRelay.js'

describe('for supervisors', () => {
  test('healthz says alive, readyz says whether the chain can be read', async () => {
    const relay = await startTestRelay()
    expect((await relay.as(null, 'GET', '/healthz')).status).toBe(200)
    expect((await relay.as(null, 'GET', '/readyz')).status).toBe(200)
    relay.chain.failWith = new Error('gone')
    expect((await relay.as(null, 'GET', '/healthz')).status).toBe(200)
    expect(await problemOf(await relay.as(null, 'GET', '/readyz'))).toEqual([503, 'chain-unavailable'])
  })

  test('metrics are on a loopback port of their own and name routes, not tasks', async () => {
    const relay = await startTestRelay({ metricsPort: 0 })
    await relay.as(relay.cast.node1, 'GET', `/v1/tasks/${TASK_ID}/arguments`)
    const scrape = async () => (await fetch(relay.metricsUrl ?? '')).text()
    await expect
      .poll(scrape)
      .toContain('crynux_relay_requests_total{method="GET",route="/v1/tasks/:taskId/arguments",status="404"} 1')
    expect(await scrape()).not.toContain(TASK_ID)
    expect(new URL(relay.metricsUrl ?? '').hostname).toBe('127.0.0.1')
    expect((await relay.as(null, 'GET', '/metrics')).status).toBe(404)
  })

  test('the OpenAPI document names every route that answers, and each has a body of its form', async () => {
    const relay = await startTestRelay()
    const document = (await (await relay.as(null, 'GET', '/openapi.json')).json()) as {
      openapi: string
      paths: Record<string, Record<string, unknown>>
    }
    expect(document.openapi).toBe('3.1.0')
    const { creator } = relay.cast
    for (const { method, path, who } of OPERATIONS) {
      expect(document.paths[path]?.[method]).toBeDefined()
      const concrete = path.replace('{taskId}', TASK_ID).replace('{index}', '0').replace('{address}', CONSENSUS)
      const anonymous = await relay.as(null, method.toUpperCase(), concrete)
      await anonymous.text()
      if (who) expect([path, anonymous.status]).toEqual([path, 401])
      else expect([path, anonymous.status]).not.toEqual([path, 404])
      if (!path.endsWith('/events') && who && path !== '/v1/auth/session') {
        const [, code] = await problemOf(await relay.as(creator, method.toUpperCase(), concrete))
        expect([path, code === undefined || code in RELAY_PROBLEMS]).toEqual([path, true])
      }
    }
  })

  test('a taken port is one clear error', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
    const { port } = server.address() as { port: number }
    await expect(startTestRelay({ listen: { host: '127.0.0.1', port } })).rejects.toBeInstanceOf(CannotListenError)
    await new Promise((resolve) => server.close(resolve))
  })
})

describe('statistics', () => {
  test('are for anyone, amounts as decimal strings', async () => {
    const relay = await startTestRelay()
    const network = await relay.as(null, 'GET', '/v1/stats/network')
    expect(await network.json()).toEqual({ nodes: 3, stakedWei: '1200000000000000000000' })
    const node = await relay.as(null, 'GET', `/v1/stats/nodes/${CONSENSUS.toUpperCase().replace('0X', '0x')}`)
    expect(await node.json()).toEqual({ address: CONSENSUS, stakeWei: '400000000000000000000' })
    for (const address of [relay.cast.stranger.address, 'x', '0x12']) {
      expect(await problemOf(await relay.as(null, 'GET', `/v1/stats/nodes/${address}`))).toEqual([404, 'not-found'])
    }
  })
})

describe('refusals', () => {
  test('are problem documents with a stable code', async () => {
    const relay = await startTestRelay()
    const response = await relay.as(null, 'GET', '/nowhere')
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    expect(await response.json()).toEqual({
      type: 'urn:crynux:relay:not-found',
      title: RELAY_PROBLEMS['not-found'].title,
      status: 404,
      code: 'not-found',
    })
    expect(await problemOf(await relay.as(null, 'POST', '/v1/auth/session', { message: 1 }))).toEqual([
      400,
      'bad-request',
    ])
    const large = { message: 'x'.repeat(20_000), signature: '' }
    expect(await problemOf(await relay.as(null, 'POST', '/v1/auth/session', large))).toEqual([413, 'too-large'])
    const json = (body: string) =>
      fetch(`${relay.url}/v1/auth/session`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    for (const body of ['{', '', '[]', 'null', '{"__proto__":{"message":"x"}}']) {
      expect([body, ...(await problemOf(await json(body)))]).toEqual([body, 400, 'bad-request'])
    }
  })

  test('too many requests, and far fewer sign-ins, must wait', async () => {
    const relay = await startTestRelay({
      limits: { requestBurst: 5, requestsPerSecond: 1, signInBurst: 2, signInsPerSecond: 0.1 },
    })
    const nonce = () => relay.as(null, 'POST', '/v1/auth/nonce')
    const statuses = [await nonce(), await nonce(), await nonce()].map((response) => response.status)
    expect(statuses).toEqual([201, 201, 429])
    const others: number[] = []
    for (let i = 0; i < 3; i++) others.push((await relay.as(null, 'GET', '/v1/stats/network')).status)
    expect(others).toEqual([200, 200, 429])
    const refused = await relay.as(null, 'GET', '/v1/stats/network')
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await relay.as(null, 'GET', '/healthz')).status).toBe(200)
    relay.clock.advance(10 * 60_000)
    expect((await nonce()).status).toBe(201)
  })
})

describe('event streams', () => {
  test('are bounded for each wallet, and end with the relay', async () => {
    const relay = await startTestRelay({ limits: { eventStreamsPerWallet: 2 }, dataFolder: await temporaryFolder() })
    const { creator, node1 } = relay.cast
    const watch = (wallet = creator) => relay.as(wallet, 'GET', `/v1/tasks/${TASK_ID}/events`)
    const streams = [await watch(), await watch()]
    expect(await problemOf(await watch())).toEqual([503, 'busy'])
    streams.push(await watch(node1))
    await relay.close()
    for (const stream of streams) expect(await stream.text()).toMatch(/^event: status\ndata: \{"state":"started"/)
  })
})
