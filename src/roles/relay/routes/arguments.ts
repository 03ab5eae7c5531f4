import type { FastifyInstance } from 'fastify'
import type { StoredArguments } from '../../../store/relayDatabase/relayDatabase.js'
import { createArrivals } from '../arrivals.js'
import type { TaskFacts } from '../chainFacts.js'
import { RelayProblem } from '../problem.js'
import { keepBody, receiveBody } from '../receiveBody.js'
import type { RelayCore } from '../relayCore.js'
import { requireRole } from '../rights.js'
import { sendBlob } from '../sendBlob.js'

type TaskParams = { Params: { taskId: string } }

/** The sealed arguments: from the creator to the three drawn nodes. */
export function argumentsRoutes(app: FastifyInstance, core: RelayCore): void {
  const { chain, relay, database, blobs, signIn, lock, clock, events, limits, retention } = core
  const rights = { readTask: chain.readTask, relay }
  const arriving = createArrivals()

  app.put<TaskParams>('/v1/tasks/:taskId/arguments', async (request, reply) => {
    const { address: caller } = await signIn.authenticate(request.headers.authorization)
    const creator = { taskId: request.params.taskId, caller, allowed: ['creator'] } as const
    if ((await requireRole(rights, creator)).task.state !== 'started') throw new RelayProblem('wrong-state')
    const answer = await arriving(request.params.taskId.toLowerCase(), async () => {
      const body = await receiveBody(core, { request, limitBytes: limits.argumentsBytes })
      try {
        // The body may have taken minutes: what was allowed before it need not be now.
        const { taskId, task } = await requireRole(rights, creator)
        if (task.state !== 'started') throw new RelayProblem('wrong-state')
        const isNew = await lock(taskId, async () => {
          const stored = await database.findArguments(taskId)
          if (stored && !isOfOtherDraw(stored, task)) {
            // Written once: nodes that fetch at different times must see the same bytes.
            if (stored.sha256 !== body.sha256) throw new RelayProblem('arguments-exist')
            return false
          }
          if (stored) await retention.removeArguments(taskId)
          await keepBody({ body, blobs, taskId }, (file) =>
            database.addArguments(taskId, { ...file, storedAt: clock.now(), draw: drawOf(task) }),
          )
          return true
        })
        events.wake(taskId)
        return { status: isNew ? 201 : 200, sizeBytes: body.sizeBytes, sha256: body.sha256 }
      } finally {
        await body.discard()
      }
    })
    const { status, ...stored } = answer
    return reply.code(status).send(stored)
  })

  app.get<TaskParams>('/v1/tasks/:taskId/arguments', async (request, reply) => {
    const { address: caller } = await signIn.authenticate(request.headers.authorization)
    const { taskId, task } = await requireRole(rights, { taskId: request.params.taskId, caller, allowed: ['node'] })
    const stored = await database.findArguments(taskId)
    if (!stored || isOfOtherDraw(stored, task)) throw new RelayProblem('not-ready')
    return sendBlob(blobs, { request, reply, file: stored })
  })
}

/** Whom arguments are sealed to: the drawn nodes, in whatever order. */
const drawOf = ({ slots }: TaskFacts): string =>
  slots
    .map(({ node }) => node.toLowerCase())
    .sort()
    .join()

/** A reorganisation has taken back the draw that these arguments are sealed to; nobody else can open them. */
const isOfOtherDraw = ({ draw }: StoredArguments, task: TaskFacts): boolean => draw !== null && draw !== drawOf(task)
