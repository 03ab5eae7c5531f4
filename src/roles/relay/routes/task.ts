import type { FastifyInstance } from 'fastify'
import { type Address, isHex32 } from '../../../base/hex.js'
import { isUploadOpen } from '../chainFacts.js'
import { isFaultyUpload, requireKeyOfTask } from '../dispute.js'
import { RelayProblem } from '../problem.js'
import type { RelayCore } from '../relayCore.js'
import { requireRole } from '../rights.js'

type TaskParams = { Params: { taskId: string } }

/** What the creator may do with the whole task: end its storage, or dispute what was uploaded. */
export function taskRoutes(app: FastifyInstance, core: RelayCore): void {
  const { chain, relay, database, blobs, receipts, signIn, lock, clock, logger, events, retention, verifyResultFiles } =
    core
  const rights = { readTask: chain.readTask, relay }

  app.delete<TaskParams>('/v1/tasks/:taskId', async (request, reply) => {
    const { address: caller } = await signIn.authenticate(request.headers.authorization)
    const { taskId, task } = await requireRole(rights, { taskId: request.params.taskId, caller, allowed: ['creator'] })
    await lock(taskId, async () => {
      const uploader = task.uploader?.toLowerCase() as Address | undefined
      // Else a creator could delete each file until the uploader has missed its deadline, and have it penalised.
      if (uploader && isUploadOpen(task) && !(await database.findSeal(taskId, uploader))) {
        if ((await database.listResults(taskId, uploader)).length > 0) throw new RelayProblem('upload-under-way')
      }
      await retention.removeTask(taskId)
    })
    events.wake(taskId)
    logger.info({ taskId }, 'everything of the task deleted at the request of its creator')
    const deletedAt = BigInt(Math.floor(clock.now() / 1_000))
    return reply.send({
      taskId,
      deletedAt: deletedAt.toString(),
      signature: await receipts.deleted({ taskId, deletedAt }),
      relay,
    })
  })

  app.post<TaskParams>('/v1/tasks/:taskId/dispute', async (request, reply) => {
    const { address: caller } = await signIn.authenticate(request.headers.authorization)
    const { taskId, task } = await requireRole(rights, { taskId: request.params.taskId, caller, allowed: ['creator'] })
    const { identity, argumentsDigest } = (request.body ?? {}) as Record<string, unknown>
    if (typeof identity !== 'string' || !/^AGE-SECRET-KEY-1[0-9A-Z]{58}$/.test(identity)) {
      throw new RelayProblem('bad-request', "identity must be the task's age key")
    }
    if (!isHex32(argumentsDigest)) throw new RelayProblem('bad-request', 'argumentsDigest must be 32 bytes as hex')
    const uploader = task.uploader?.toLowerCase() as Address | undefined
    if (task.state !== 'completed' || task.redelivery || !uploader) throw new RelayProblem('wrong-state')
    requireKeyOfTask(task, { identity, argumentsDigest })
    const { faulty, resultDigest } = await lock('dispute', () =>
      // One at a time in the whole relay: decoding pictures takes memory.
      lock(taskId, async () => {
        const seal = await database.findSeal(taskId, uploader)
        if (!seal) throw new RelayProblem('not-ready')
        // Only what was reported can be judged.
        if (seal.resultDigest !== task.resultDigest?.toLowerCase()) throw new RelayProblem('wrong-state')
        const results = await database.listResults(taskId, uploader)
        return {
          faulty: await isFaultyUpload({ task, results, identity, blobs, verifyResultFiles }),
          resultDigest: seal.resultDigest,
        }
      }),
    )
    if (faulty) logger.warn({ taskId, node: uploader }, 'a faulty upload was proven')
    return reply.send({
      faulty,
      resultDigest,
      uploader,
      ...(faulty ? { signature: await receipts.faulty({ taskId, resultDigest, uploader }) } : {}),
    })
  })
}
