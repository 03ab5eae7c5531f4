import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { CrynuxError, EXIT } from '../../base/errors.js'
import { problemDocument, RelayProblem } from './problem.js'
import { createRateLimit } from './rateLimit.js'
import type { RelayCore } from './relayCore.js'
import type { RelayMetrics } from './relayMetrics.js'
import { argumentsRoutes } from './routes/arguments.js'
import { authenticationRoutes } from './routes/authentication.js'
import { eventsRoutes } from './routes/events.js'
import { healthRoutes } from './routes/health.js'
import { resultsRoutes } from './routes/results.js'
import { statisticsRoutes } from './routes/statistics.js'
import { taskRoutes } from './routes/task.js'

/** Refusals by fastify itself, in our words. */
const FRAMEWORK_PROBLEMS: Record<string, RelayProblem> = {
  FST_ERR_CTP_BODY_TOO_LARGE: new RelayProblem('too-large'),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: new RelayProblem('wrong-media-type'),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: new RelayProblem('bad-request'),
  FST_ERR_CTP_EMPTY_JSON_BODY: new RelayProblem('bad-request', 'the body is empty'),
  FST_ERR_CTP_INVALID_JSON_BODY: new RelayProblem('bad-request', 'the body is not JSON'),
  FST_ERR_BAD_URL: new RelayProblem('not-found'),
}

/**
 * The relay's HTTP API (protocol §7), not yet listening.
 *
 * Fastify's own logger stays off: it would write addresses and paths. What is logged is chosen below.
 */
export function createRelayApp(core: RelayCore, { metrics }: { metrics?: RelayMetrics } = {}): FastifyInstance {
  const { limits, clock, logger } = core
  const app = fastify({
    logger: false,
    bodyLimit: limits.jsonBytes,
    connectionTimeout: 60_000,
    keepAliveTimeout: 10_000,
    requestTimeout: limits.requestTimeoutMs,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    frameworkErrors: (error, _request, reply) => {
      sendProblem(reply as unknown as FastifyReply, problemOf(error) ?? new RelayProblem('bad-request'))
    },
    http: {
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: Math.min(5_000, limits.headersTimeoutMs / 2),
    },
  })
  app.server.maxConnections = limits.connections

  app.removeContentTypeParser('text/plain')
  // Sealed files are streamed by their routes, after the caller's rights and the declared length were checked.
  app.addContentTypeParser('application/octet-stream', (_request, _payload, done) => done(null))

  const requests = createRateLimit({ clock, burst: limits.requestBurst, perSecond: limits.requestsPerSecond })
  const signIns = createRateLimit({ clock, burst: limits.signInBurst, perSecond: limits.signInsPerSecond })
  const startedAt = new WeakMap<FastifyRequest, number>()

  app.addHook('onRequest', async (request, reply) => {
    startedAt.set(request, clock.now())
    reply.header('x-content-type-options', 'nosniff').header('cache-control', 'no-store')
    if (request.routeOptions.url === '/healthz') return
    const client = request.socket.remoteAddress ?? ''
    const isSignIn = request.method === 'POST' && request.routeOptions.url?.startsWith('/v1/auth/')
    const retryAfterSeconds = requests.take(client) || (isSignIn ? signIns.take(client) : 0)
    if (retryAfterSeconds > 0) throw new RelayProblem('rate-limited', undefined, { retryAfterSeconds })
  })

  app.addHook('onResponse', async (request, reply) => {
    const durationMs = clock.now() - (startedAt.get(request) ?? clock.now())
    const { method } = request
    // The pattern, not the path: ids of tasks do not belong into metrics.
    const route = request.routeOptions.url ?? 'unknown'
    metrics?.observeRequest({ method, route, status: reply.statusCode, seconds: durationMs / 1_000 })
    logger.debug({ method, route, status: reply.statusCode, durationMs }, 'request')
  })

  app.setNotFoundHandler((_request, reply) => sendProblem(reply, new RelayProblem('not-found')))
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const known = problemOf(error)
    if (!known)
      logger.error({ error, route: request.routeOptions.url ?? 'unknown', method: request.method }, 'request failed')
    return sendProblem(reply, known ?? new RelayProblem('internal'))
  })

  for (const addRoutes of [
    healthRoutes,
    authenticationRoutes,
    argumentsRoutes,
    resultsRoutes,
    taskRoutes,
    eventsRoutes,
    statisticsRoutes,
  ]) {
    addRoutes(app, core)
  }
  return app
}

function problemOf(error: Error): RelayProblem | null {
  if (error instanceof RelayProblem) return error
  if (error instanceof CrynuxError && error.exitCode === EXIT.chain) return new RelayProblem('chain-unavailable')
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return FRAMEWORK_PROBLEMS[code] ?? null
}

function sendProblem(reply: FastifyReply, problem: RelayProblem): FastifyReply {
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer')
  if (problem.retryAfterSeconds !== undefined) reply.header('retry-after', problem.retryAfterSeconds)
  return reply
    .code(problem.status)
    .removeHeader('content-length')
    .type('application/problem+json')
    .send(problemDocument(problem.code, problem.message))
}
