import type { IncomingMessage } from 'node:http'
import type { DownloadDependencies } from '../download/downloadFile.js'
import { persist } from '../download/persist.js'
import { TemporaryFailure, temporaryStatus } from '../download/temporaryFailure.js'

/** The beginning of a file on a server, and how long the whole is, where the server says so. */
export type FileStart = { start: Buffer; size: number | undefined; disposition: string | undefined }

/**
 * Reads the first bytes of a file without the rest; from servers that know no ranges, too.
 *
 * @throws what `explainStatus` gives for a final status, ModelDownloadInterruptedError, UnsafeUrlError.
 */
export async function readStart(
  { opener, clock, signal, attempts, stallTimeoutMs }: DownloadDependencies,
  {
    url,
    bytes,
    explainStatus,
  }: { url: URL; bytes: number; explainStatus(status: number, headers: IncomingMessage['headers']): Error },
): Promise<FileStart> {
  return persist(
    async () => {
      const headers = { range: `bytes=0-${bytes - 1}` }
      const { response, status } = await opener.open(url, { signal, headers })
      const timer = setTimeout(() => response.destroy(new TemporaryFailure('sent nearly nothing')), stallTimeoutMs)
      try {
        if (status !== 200 && status !== 206) {
          throw temporaryStatus(status, response.headers, clock.now()) ?? explainStatus(status, response.headers)
        }
        const total =
          status === 206
            ? /^bytes 0-\d+\/(\d+)$/.exec(response.headers['content-range'] ?? '')?.[1]
            : response.headers['content-length']
        const chunks: Buffer[] = []
        let have = 0
        for await (const chunk of response as AsyncIterable<Buffer>) {
          chunks.push(chunk)
          have += chunk.length
          if (have >= bytes) break
        }
        return {
          start: Buffer.concat(chunks).subarray(0, bytes),
          size: total === undefined ? undefined : Number(total),
          disposition: response.headers['content-disposition'],
        }
      } catch (error) {
        signal.throwIfAborted()
        const { code } = error as NodeJS.ErrnoException
        if (code !== undefined && !code.startsWith('CRYNUX_')) throw new TemporaryFailure('broke the connection')
        throw error
      } finally {
        clearTimeout(timer)
        response.destroy()
      }
    },
    { clock, signal, server: url.host, attempts },
  )
}
