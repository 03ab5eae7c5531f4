import type { IncomingMessage } from 'node:http'
import { TemporaryFailure } from './temporaryFailure.js'

/**
 * Reads a small body whole.
 *
 * @throws TemporaryFailure when it ends early or takes too long, or is too large: a server in trouble sends all kinds of things.
 */
export async function readBody(
  response: IncomingMessage,
  { maximumBytes, signal, timeoutMs = 60_000 }: { maximumBytes: number; signal: AbortSignal; timeoutMs?: number },
): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  const timer = setTimeout(
    () => response.destroy(new TemporaryFailure(`does not finish its answer within ${timeoutMs / 1000} s`)),
    timeoutMs,
  )
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > maximumBytes) throw new TemporaryFailure('sends an answer that is too long')
      chunks.push(chunk)
    }
  } catch (error) {
    signal.throwIfAborted()
    throw error instanceof TemporaryFailure ? error : new TemporaryFailure('broke the connection')
  } finally {
    clearTimeout(timer)
  }
  return Buffer.concat(chunks)
}
