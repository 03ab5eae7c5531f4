import type { FastifyReply, FastifyRequest } from 'fastify'
import { hexToBytes } from '../../base/hex.js'
import type { BlobStore } from '../../store/blobs/blobStore.js'
import type { StoredFile } from '../../store/relayDatabase/relayDatabase.js'
import { RelayProblem } from './problem.js'

/** Answers with a sealed file, or with the one range of it that is asked for (RFC 9110 §14). */
export async function sendBlob(
  blobs: BlobStore,
  { request, reply, file }: { request: FastifyRequest; reply: FastifyReply; file: StoredFile },
): Promise<FastifyReply> {
  const open = await blobs.open(file.blob).catch((error: unknown) => {
    // Deleted between the look-up and now.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') throw new RelayProblem('not-ready')
    throw error
  })
  const range = parseRange(request.headers.range, open.sizeBytes)
  reply.header('accept-ranges', 'bytes')
  if (range === 'unsatisfiable') {
    await open.close()
    reply.header('content-range', `bytes */${open.sizeBytes}`)
    throw new RelayProblem('bad-range')
  }
  const { start, end } = range ?? { start: 0, end: open.sizeBytes - 1 }
  if (range) reply.code(206).header('content-range', `bytes ${start}-${end}/${open.sizeBytes}`)
  return (
    reply
      .header('content-type', 'application/octet-stream')
      .header('content-length', end - start + 1)
      .header('etag', `"${file.sha256.slice(2)}"`)
      // RFC 9530: of the whole file, whatever part of it is sent.
      .header('repr-digest', `sha-256=:${Buffer.from(hexToBytes(file.sha256)).toString('base64')}:`)
      .send(open.stream({ start, end }))
  )
}

/** One byte range, both ends included; `null` (send everything) for none, several, or another unit, as the RFC allows. */
export function parseRange(
  header: string | undefined,
  sizeBytes: number,
): { start: number; end: number } | 'unsatisfiable' | null {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '')
  const [, first = '', last = ''] = match ?? []
  if (!match || (first === '' && last === '')) return null
  if (first === '') {
    const length = Math.min(Number(last), sizeBytes)
    return length === 0 ? 'unsatisfiable' : { start: sizeBytes - length, end: sizeBytes - 1 }
  }
  const start = Number(first)
  const end = last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1)
  if (last !== '' && Number(last) < start) return null
  return start >= sizeBytes ? 'unsatisfiable' : { start, end }
}
