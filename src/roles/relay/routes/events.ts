import type { FastifyInstance } from 'fastify'
import { RelayProblem } from '../problem.js'
import type { RelayCore } from '../relayCore.js'
import { requireRole } from '../rights.js'
import type { TaskEvent } from '../taskEvents.js'

const HEARTBEAT_MS = 15_000
/** A reader that lets this much pile up has gone away. */
const BACKLOG_LIMIT_BYTES = 64 * 1_024

/** Server-sent events of one task, until its end, the session's end or the relay's. */
export function eventsRoutes(
  app: FastifyInstance,
  { chain, relay, signIn, events, limits, clock, signal }: RelayCore,
): void {
  const streamsOf = new Map<string, number>()

  app.get<{ Params: { taskId: string } }>('/v1/tasks/:taskId/events', async (request, reply) => {
    const { address: caller, expiresAt } = await signIn.authenticate(request.headers.authorization)
    const { taskId } = await requireRole(
      { readTask: chain.readTask, relay },
      { taskId: request.params.taskId, caller, allowed: ['creator', 'node'] },
    )
    const mine = streamsOf.get(caller) ?? 0
    if (mine >= limits.eventStreamsPerWallet || events.count() >= limits.eventStreams) {
      throw new RelayProblem('busy', undefined, { retryAfterSeconds: 5 })
    }
    streamsOf.set(caller, mine + 1)

    reply.hijack()
    const stream = reply.raw
    const closed = new AbortController()
    const ends = AbortSignal.any([closed.signal, signal])
    stream.once('close', () => closed.abort())
    stream.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-accel-buffering': 'no',
      // Else the connection would linger after the last event and delay the end of the relay.
      connection: 'close',
    })
    const write = (text: string) => {
      if (stream.writableLength > BACKLOG_LIMIT_BYTES) stream.destroy()
      else if (!stream.writableEnded) stream.write(text)
    }
    const unsubscribe = events.subscribe(taskId, (event: TaskEvent) => {
      const { type, ...data } = event
      write(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`)
      if (type === 'end') closed.abort()
    })
    try {
      while (!ends.aborted) {
        const remainingMs = expiresAt - clock.now()
        // The right was granted to a session; who wants to go on signs in again.
        if (remainingMs <= 0) break
        await clock.sleep(Math.min(HEARTBEAT_MS, remainingMs), ends).catch(() => undefined)
        if (!ends.aborted) write(': still here\n\n')
      }
    } finally {
      unsubscribe()
      const left = (streamsOf.get(caller) ?? 1) - 1
      if (left === 0) streamsOf.delete(caller)
      else streamsOf.set(caller, left)
      stream.end()
    }
    return reply
  })
}
