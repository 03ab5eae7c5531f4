import type { FastifyInstance } from 'fastify'
import { RelayProblem } from '../problem.js'
import { receiveBody } from '../receiveBody.js'
import type { RelayCore } from '../relayCore.js'
import { requireRole } from '../rights.js'
import { sendBlob } from '../sendBlob.js'

type TaskParams = { Params: { taskId: string } }

/** The sealed arguments: from the creator to the three drawn nodes. */
export function argumentsRoutes(app: FastifyInstance, core: RelayCore): void {
  const { chain, relay, database, blobs, signIn, lock, clock, events, limits } = core
  const rights = { readTask: chain.readTask, relay }

  app.put<TaskParams>('/v1/tasks/:taskId/arguments', async (request, reply) => {
    const { address: caller } = await signIn.authenticate(request.headers.authorization)
    const creator = { taskId: request.params.taskId, caller, allowed: ['creator'] } as const
    if ((await requireRole(rights, creator)).task.state !== 'started') throw new RelayProblem('wrong-state')
    const body = await receiveBody(core, { request, limitBytes: limits.argumentsBytes })
    const store = async () => {
      // The body may have taken minutes: what was allowed before it need not be now.
      const { taskId, task } = await requireRole(rights, creator)
      if (task.state !== 'started') throw new RelayProblem('wrong-state')
      const isNew = await lock(taskId, async () => {
        const stored = await database.findArguments(taskId)
        // Written once: nodes that fetch at different times must see the same bytes.
        if (stored && stored.sha256 !== body.sha256) throw new RelayProblem('arguments-exist')
        if (stored) return false
        const { sizeBytes, sha256 } = body
        const blob = await body.keep(taskId)
        await database.addArguments(taskId, { blob, sizeBytes, sha256, storedAt: clock.now() })
        return true
      })
      events.wake(taskId)
      return isNew
    }
    const isNew = await store().finally(body.discard)
    return reply.code(isNew ? 201 : 200).send({ sizeBytes: body.sizeBytes, sha256: body.sha256 })
  })

  app.get<TaskParams>('/v1/tasks/:taskId/arguments', async (request, reply) => {
    const { address: caller } = await signIn.authenticate(request.headers.authorization)
    const { taskId } = await requireRole(rights, { taskId: request.params.taskId, caller, allowed: ['node'] })
    const stored = await database.findArguments(taskId)
    if (!stored) throw new RelayProblem('not-ready')
    return sendBlob(blobs, { request, reply, file: stored })
  })
}
