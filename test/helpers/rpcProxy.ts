import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What happens to a request: it goes through, or the connection is cut before the chain gets it, or before its answer is passed on. */
export type Passage = 'through' | 'cut before' | 'cut after'

export type RpcProxy = {
  url: string
  /** Decides about each request by its JSON-RPC method; may do something before it answers. */
  decide: (method: string) => Passage | Promise<Passage>
  /** Resolves when no request is on its way to the chain. */
  idle(): Promise<void>
  close(): Promise<void>
}

/** An HTTP endpoint in front of a chain, with which a test decides what becomes of each request. */
export async function startRpcProxy(rpcUrl: string): Promise<RpcProxy> {
  const inFlight = new Set<Promise<void>>()
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString('utf8')
    const { method } = JSON.parse(body) as { method: string }
    const passage = await proxy.decide(method)
    if (passage === 'cut before') return void response.destroy()
    const answer = await fetch(rpcUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    const text = await answer.text()
    if (passage === 'cut after') return void response.destroy()
    response.writeHead(200, { 'content-type': 'application/json' }).end(text)
  }
  const server = createServer((request, response) => {
    // A client that died in the middle of a request is what these tests are about.
    const handled = handle(request, response).catch(() => void response.destroy())
    inFlight.add(handled)
    void handled.finally(() => inFlight.delete(handled))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const proxy: RpcProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    decide: () => 'through',
    idle: async () => {
      await Promise.all(inFlight)
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return proxy
}
