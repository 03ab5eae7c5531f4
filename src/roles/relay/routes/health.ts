import type { FastifyInstance } from 'fastify'
import { openApiDocument } from '../openApi.js'
import { RelayProblem } from '../problem.js'
import type { RelayCore } from '../relayCore.js'

/** For supervisors: is the process alive, can it serve. And what it serves. */
export function healthRoutes(app: FastifyInstance, { chain, database, signal }: RelayCore): void {
  app.get('/healthz', async (_request, reply) => reply.send({ status: 'ok' }))

  app.get('/readyz', async (_request, reply) => {
    if (signal.aborted) throw new RelayProblem('busy', 'the relay is stopping')
    await database.check()
    try {
      await chain.readChainTime()
    } catch {
      throw new RelayProblem('chain-unavailable')
    }
    return reply.send({ status: 'ready' })
  })

  app.get('/openapi.json', async (_request, reply) => reply.send(openApiDocument()))
}
