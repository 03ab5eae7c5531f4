import type { FastifyInstance } from 'fastify'
import type { Address, Hex } from '../../../base/hex.js'
import { hexToBytes } from '../../../base/hex.js'
import { resultDigestOfHashes } from '../../../protocol/resultDigest.js'
import type { Seal } from '../../../store/relayDatabase/relayDatabase.js'
import { createArrivals } from '../arrivals.js'
import { isUploadOpen, resultCount, type TaskFacts } from '../chainFacts.js'
import { RelayProblem } from '../problem.js'
import { keepBody, receiveBody } from '../receiveBody.js'
import type { RelayCore } from '../relayCore.js'
import { requireRole } from '../rights.js'
import { sendBlob } from '../sendBlob.js'

type TaskParams = { Params: { taskId: string } }
type FileParams = { Params: { taskId: string; index: string } }

/** The sealed results: from the uploader to the creator. */
export function resultsRoutes(app: FastifyInstance, core: RelayCore): void {
  const { chain, relay, database, blobs, receipts, signIn, lock, clock, events, limits } = core
  const rights = { readTask: chain.readTask, relay }
  const arriving = createArrivals()

  app.put<FileParams>('/v1/tasks/:taskId/results/:index', async (request, reply) => {
    const { address: caller } = await signIn.authenticate(request.headers.authorization)
    const uploader = { taskId: request.params.taskId, caller, allowed: ['uploader'] } as const
    const before = await requireRole(rights, uploader)
    const index = indexOf(request.params.index, before.task)
    const requireOpen = async (task: TaskFacts) => {
      if (!isUploadOpen(task)) throw new RelayProblem('wrong-state')
      if (await database.findSeal(before.taskId, caller)) throw new RelayProblem('results-sealed')
    }
    await requireOpen(before.task)
    const answer = await arriving(`${before.taskId}/${caller}/${index}`, async () => {
      const body = await receiveBody(core, { request, limitBytes: limits.resultBytes })
      try {
        // The body may have taken minutes: what was allowed before it need not be now.
        const { taskId, task } = await requireRole(rights, uploader)
        const isNew = await lock(taskId, async () => {
          await requireOpen(task)
          const stored = (await database.listResults(taskId, caller)).find((file) => file.index === index)
          if (stored?.sha256 === body.sha256) return false
          const replaced = await keepBody({ body, blobs, taskId }, (file) =>
            database.putResult(taskId, caller, { index, ...file, storedAt: clock.now() }),
          )
          if (replaced !== null) await blobs.remove([replaced])
          return replaced === null
        })
        return { status: isNew ? 201 : 200, index, sizeBytes: body.sizeBytes, sha256: body.sha256 }
      } finally {
        await body.discard()
      }
    })
    const { status, ...stored } = answer
    return reply.code(status).send(stored)
  })

  app.post<TaskParams>('/v1/tasks/:taskId/results', async (request, reply) => {
    const { address: caller } = await signIn.authenticate(request.headers.authorization)
    const { taskId, task } = await requireRole(rights, {
      taskId: request.params.taskId,
      caller,
      allowed: ['uploader'],
    })
    const seal = await lock(taskId, async () => {
      const sealed = await database.findSeal(taskId, caller)
      if (sealed) return sealed
      if (!isUploadOpen(task)) throw new RelayProblem('wrong-state')
      return sealResults(taskId, caller, task)
    })
    events.wake(taskId)
    return reply.send({
      resultDigest: seal.resultDigest,
      sizeBytes: String(seal.sizeBytes),
      signature: await receipts.uploaded({
        taskId,
        resultDigest: seal.resultDigest,
        sizeBytes: seal.sizeBytes,
        uploader: caller,
      }),
      relay,
    })
  })

  const sealResults = async (taskId: Hex, uploader: Address, task: TaskFacts): Promise<Seal> => {
    const files = await database.listResults(taskId, uploader)
    if (files.length !== resultCount(task)) {
      throw new RelayProblem('results-incomplete', `${files.length} of ${resultCount(task)} files have arrived`)
    }
    const seal: Seal = {
      resultDigest: resultDigestOfHashes(files.map((file) => hexToBytes(file.sha256))),
      sizeBytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
      sealedAt: clock.now(),
    }
    await database.addSeal(taskId, uploader, seal)
    return seal
  }

  /** Files of the set that the present uploader has sealed; none before. */
  const sealedFiles = async (taskId: Hex, task: TaskFacts) => {
    const uploader = task.uploader?.toLowerCase() as Address | undefined
    if (!uploader || !(await database.findSeal(taskId, uploader))) throw new RelayProblem('not-ready')
    return database.listResults(taskId, uploader)
  }

  app.get<TaskParams>('/v1/tasks/:taskId/results', async (request, reply) => {
    const { address: caller } = await signIn.authenticate(request.headers.authorization)
    const { taskId, task } = await requireRole(rights, { taskId: request.params.taskId, caller, allowed: ['creator'] })
    const files = await sealedFiles(taskId, task)
    return reply.send({ files: files.map(({ index, sizeBytes, sha256 }) => ({ index, sizeBytes, sha256 })) })
  })

  app.get<FileParams>('/v1/tasks/:taskId/results/:index', async (request, reply) => {
    const { address: caller } = await signIn.authenticate(request.headers.authorization)
    const { taskId, task } = await requireRole(rights, { taskId: request.params.taskId, caller, allowed: ['creator'] })
    const index = indexOf(request.params.index, task)
    const file = (await sealedFiles(taskId, task)).find((candidate) => candidate.index === index)
    if (!file) throw new RelayProblem('not-ready')
    return sendBlob(blobs, { request, reply, file })
  })
}

/** The number of a result file of this task. */
function indexOf(text: string, task: TaskFacts): number {
  const index = /^(0|[1-9]\d?)$/.test(text) ? Number(text) : Number.NaN
  if (!(index < resultCount(task))) throw new RelayProblem('not-found')
  return index
}
