import type { FastifyRequest } from 'fastify'
import type { Clock } from '../../base/clock.js'
import type { Hex } from '../../base/hex.js'
import type { BlobStore, ReceivedBlob } from '../../store/blobs/blobStore.js'
import { IncompleteUploadError, NoSpaceError } from '../../store/blobs/folderBlobStore.js'
import type { RelayLimits } from './limits.js'
import { RelayProblem } from './problem.js'

/**
 * Streams a request's body to disk; its size is known and judged before a byte is read.
 *
 * @throws RelayProblem `length-required`, `too-large`, `wrong-media-type`, `request-timeout`, `no-space`
 */
export async function receiveBody(
  { blobs, clock, limits }: { blobs: BlobStore; clock: Clock; limits: RelayLimits },
  { request, limitBytes }: { request: FastifyRequest; limitBytes: number },
): Promise<ReceivedBlob> {
  const declared = request.headers['content-length']
  if (declared === undefined) throw new RelayProblem('length-required')
  const declaredBytes = Number(declared)
  if (!Number.isSafeInteger(declaredBytes) || declaredBytes < 1)
    throw new RelayProblem('bad-request', 'the body is empty')
  if (declaredBytes > limitBytes) throw new RelayProblem('too-large', `at most ${limitBytes} bytes are taken`)
  if (!/^application\/octet-stream\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
    throw new RelayProblem('wrong-media-type')
  }
  try {
    return await blobs.receive(paced(request.raw, { clock, limits }), { declaredBytes })
  } catch (error) {
    if (error instanceof RelayProblem) throw error
    if (error instanceof NoSpaceError) throw new RelayProblem('no-space')
    if (error instanceof IncompleteUploadError) throw new RelayProblem('bad-request', error.message)
    // The client went away; nobody reads the answer.
    if (request.raw.destroyed && !request.raw.complete) throw new RelayProblem('bad-request', 'the body was cut off')
    throw error
  }
}

/** Passes chunks on while they come fast enough on average; without this a few slow clients could hold every upload slot. */
async function* paced(
  source: AsyncIterable<Uint8Array>,
  { clock, limits }: { clock: Clock; limits: RelayLimits },
): AsyncGenerator<Uint8Array> {
  const startedAt = clock.now()
  let bytes = 0
  for await (const chunk of source) {
    bytes += chunk.length
    const elapsedMs = clock.now() - startedAt
    if (elapsedMs > limits.slowBodyGraceMs && (bytes * 1_000) / elapsedMs < limits.minimumBodyBytesPerSecond) {
      throw new RelayProblem('request-timeout')
    }
    yield chunk
  }
}

/** Keeps a body as a blob of the task and has its row written; without a row the blob goes again. */
export async function keepBody<T>(
  { body, blobs, taskId }: { body: ReceivedBlob; blobs: BlobStore; taskId: Hex },
  writeRow: (file: { blob: string; sizeBytes: number; sha256: Hex }) => Promise<T>,
): Promise<T> {
  const blob = await body.keep(taskId)
  try {
    return await writeRow({ blob, sizeBytes: body.sizeBytes, sha256: body.sha256 })
  } catch (error) {
    await blobs.remove([blob])
    throw error
  }
}
