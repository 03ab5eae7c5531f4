import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export type RelayMetrics = {
  observeRequest(request: { method: string; route: string; status: number; seconds: number }): void
  /** Where it is served, e.g. `http://127.0.0.1:9100/metrics`. */
  url: string
  close(): Promise<void>
}

/**
 * Prometheus metrics on a loopback port of their own, so that no proxy in front of the API can publish them.
 * Labels are methods, route patterns and status codes: nothing of a client, a wallet or a task.
 */
export async function startRelayMetrics({
  port,
  eventStreams,
}: {
  port: number
  eventStreams: () => number
}): Promise<RelayMetrics> {
  const { Counter, Gauge, Histogram, Registry } = await import('prom-client')
  const registry = new Registry()
  const labelNames = ['method', 'route', 'status'] as const
  const requests = new Counter({
    name: 'crynux_relay_requests_total',
    help: 'Requests answered',
    labelNames,
    registers: [registry],
  })
  const seconds = new Histogram({
    name: 'crynux_relay_request_seconds',
    help: 'Time to answer',
    labelNames: ['route'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [registry],
  })
  new Gauge({
    name: 'crynux_relay_event_streams',
    help: 'Open event streams',
    registers: [registry],
    collect() {
      this.set(eventStreams())
    },
  })
  const server = createServer((request, response) => {
    void (async () => {
      if (request.url !== '/metrics') return response.writeHead(404).end()
      const text = await registry.metrics()
      return response.writeHead(200, { 'content-type': registry.contentType }).end(text)
    })().catch(() => response.writeHead(500).end())
  })
  await listen(server, port)
  return {
    observeRequest: ({ method, route, status, seconds: elapsed }) => {
      requests.inc({ method, route, status: String(status) })
      seconds.observe({ route }, elapsed)
    },
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

const listen = (server: Server, port: number) =>
  new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve())
  })
