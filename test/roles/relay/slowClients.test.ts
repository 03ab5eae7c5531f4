import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { startTestRelay } from './testRelay.js'

async function openSockets(url: string, count: number): Promise<Socket[]> {
  const { hostname, port } = new URL(url)
  const sockets = Array.from({ length: count }, () => connect(Number(port), hostname).on('error', () => {}))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
  })
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  return sockets
}

test('clients that never finish their headers are dropped, and others are served meanwhile', async () => {
  const relay = await startTestRelay({ limits: { headersTimeoutMs: 1_000 } })
  const sockets = await openSockets(relay.url, 300)
  let closed = 0
  for (const socket of sockets) {
    socket.resume().once('close', () => {
      closed++
    })
    socket.write('GET /v1/stats/network HTTP/1.1\r\nHost: relay\r\nX-Slow: ')
  }
  for (let i = 0; i < 20; i++) expect((await relay.as(null, 'GET', '/v1/stats/network')).status).toBe(200)
  await expect.poll(() => closed, { timeout: 15_000 }).toBe(300)
})

test('connections over the cap are refused', async () => {
  const relay = await startTestRelay({ limits: { connections: 5 } })
  const sockets = await openSockets(relay.url, 8)
  let closed = 0
  for (const socket of sockets) {
    socket.resume().once('close', () => {
      closed++
    })
  }
  await expect.poll(() => closed).toBe(3)
})
