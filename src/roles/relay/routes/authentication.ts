import type { FastifyInstance } from 'fastify'
import { RelayProblem } from '../problem.js'
import type { RelayCore } from '../relayCore.js'

/** Sign-in and sign-out. */
export function authenticationRoutes(app: FastifyInstance, { signIn }: RelayCore): void {
  app.post('/v1/auth/nonce', async (_request, reply) => {
    const { nonce, expiresAt } = await signIn.issueNonce()
    return reply.code(201).send({ nonce, expiresAt: new Date(expiresAt).toISOString() })
  })

  app.post('/v1/auth/session', async (request, reply) => {
    const { message, signature } = (request.body ?? {}) as Record<string, unknown>
    if (typeof message !== 'string' || typeof signature !== 'string') {
      throw new RelayProblem('bad-request', 'message and signature are needed')
    }
    const { token, address, expiresAt } = await signIn.openSession({ message, signature })
    return reply.code(201).send({ token, address, expiresAt: new Date(expiresAt).toISOString() })
  })

  app.delete('/v1/auth/session', async (request, reply) => {
    await signIn.authenticate(request.headers.authorization)
    await signIn.closeSession(request.headers.authorization)
    return reply.code(204).send()
  })
}
