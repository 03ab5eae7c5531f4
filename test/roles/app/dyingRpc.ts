import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * An RPC endpoint in front of another one whose client dies right after its n-th transaction was sent: the chain has it, and
 * the answer never arrives.
 */
export async function startDyingRpc(
  target: string,
  { afterTransactions, onDeath }: { afterTransactions: number; onDeath(): void | Promise<void> },
): Promise<{ url: string; close(): Promise<void> }> {
  let sent = 0
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    const sends = body.includes('"eth_sendRawTransaction"') && ++sent === afterTransactions
    if (sends) await onDeath()
    const answer = await fetch(target, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    const bytes = Buffer.from(await answer.arrayBuffer())
    if (sends) response.destroy()
    else response.setHeader('content-type', 'application/json').end(bytes)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
