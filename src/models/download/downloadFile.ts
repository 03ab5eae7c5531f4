import type { Hash } from 'node:crypto'
import { constants, createReadStream } from 'node:fs'
import { type FileHandle, open, readFile, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { formatBytes } from '../../base/byteSize.js'
import type { Clock } from '../../base/clock.js'
import { ModelDownloadError, NoRoomForModelError } from '../modelErrors.js'
import { type ContentHash, createContentHash } from './contentHash.js'
import type { UrlOpener } from './openUrl.js'
import { persist } from './persist.js'
import { TemporaryFailure, temporaryStatus } from './temporaryFailure.js'

export type DownloadDependencies = {
  opener: UrlOpener
  clock: Clock
  signal: AbortSignal
  /** How long a server may send too little before the connection is given up, ms. */
  stallTimeoutMs: number
  /** Failures in a row after which to give up. */
  attempts: number
}

export type DownloadRequest = {
  url: URL
  /** How people call the file. */
  name: string
  /** The unfinished file; one that is there is continued. */
  path: string
  /** Known in advance, as the hub tells it: another size or content is refused. */
  expected?: { size: number; hash: ContentHash }
  /** Where the size is not known in advance. */
  maximumBytes: number
  /** Explains a final status, such as 403. */
  explainStatus(status: number, headers: IncomingMessage['headers']): Error
  /** Bytes of the file that are there now; may fall when a server makes us begin again. */
  onBytes?(bytes: number): void
  onRetry?(retry: { reason: string; delayMs: number }): void
}

export type DownloadedFile = {
  size: number
  /** By the algorithm that was expected, else sha256. */
  hash: ContentHash
  /** As the server calls it, unchecked. */
  disposition: string | undefined
  /** Where it came from at last. */
  url: URL
}

/** A connection that brings less than this per second, over the whole stall time, is as bad as a silent one. */
const MINIMUM_BYTES_PER_SECOND = 256
/** So much must come for an attempt to count as one that helped. */
const PROGRESS_BYTES = 64 * 1024

/**
 * Downloads one file: continues where an earlier attempt or process stopped (Range, If-Range), hashes while it streams, and never
 * writes more than it should. At the end the file at `path` is whole and checked; renaming it is the caller's.
 *
 * @throws ModelDownloadError, ModelDownloadInterruptedError, NoRoomForModelError, UnsafeUrlError, or the signal's reason.
 */
export async function downloadFile(
  { opener, clock, signal, stallTimeoutMs, attempts }: DownloadDependencies,
  request: DownloadRequest,
): Promise<DownloadedFile> {
  const { url, name, path, expected, maximumBytes, explainStatus, onBytes } = request
  const algorithm = expected?.hash.algorithm ?? 'sha256'
  const fail = (complaint: string) =>
    new ModelDownloadError(`file ${name} from ${url.host} ${complaint}`, {
      remedy: 'Try another mirror (HF_ENDPOINT) or URL, or put the model into --model-root.',
      details: { file: name, server: url.host },
    })
  const file = await openPart(path)
  let hash: Hash = createContentHash(algorithm, expected?.size ?? 0)
  let have = 0
  let wrongHashes = 0
  let validator = await readFile(validatorPath(path), 'utf8').catch(() => undefined)

  async function restart(): Promise<void> {
    await file.truncate(0)
    hash = createContentHash(algorithm, expected?.size ?? 0)
    have = 0
    onBytes?.(0)
  }

  /** Takes what an earlier process left. Without a hash or a validator nothing would tell whether the rest belongs to it. */
  async function adopt(): Promise<void> {
    const { size } = await file.stat()
    if (size === 0) return
    if (size > (expected?.size ?? maximumBytes) || (!expected && validator === undefined)) return restart()
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20, signal })) hash.update(chunk as Buffer)
    have = size
    onBytes?.(have)
  }

  async function receive(progress: () => void): Promise<Pick<DownloadedFile, 'disposition' | 'url'>> {
    const range = have > 0 ? { range: `bytes=${have}-`, ...(validator ? { 'if-range': validator } : {}) } : {}
    const { response, status, url: from } = await opener.open(url, { signal, headers: range })
    const { headers } = response
    try {
      const found = { disposition: headers['content-disposition'], url: from }
      if (status === 416) {
        // What is there is not the beginning of this file, or already all of it without our knowing.
        await restart()
        throw new TemporaryFailure('has no such part of the file')
      }
      if (status !== 200 && status !== 206) {
        throw temporaryStatus(status, headers, clock.now()) ?? explainStatus(status, headers)
      }
      if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity') {
        throw fail(`is sent ${headers['content-encoding']}-encoded, which nobody asked for`)
      }
      let total: number | undefined
      if (status === 206) {
        const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers['content-range'] ?? '')
        if (!match || have === 0 || Number(match[1]) !== have) {
          await restart()
          throw new TemporaryFailure('sends another part of the file than it was asked for')
        }
        total = Number(match[3])
      } else {
        if (have > 0) await restart()
        const length = headers['content-length']
        if (length !== undefined) total = Number(length)
        // Weak ones do not promise equal bytes.
        const tag = headers.etag
        validator = tag !== undefined && !tag.startsWith('W/') ? tag : headers['last-modified']
        if (validator === undefined) await rm(validatorPath(path), { force: true })
        else await writeFile(validatorPath(path), validator, { mode: 0o600 })
      }
      if (expected && total !== undefined && total !== expected.size) {
        throw fail(`has ${total} bytes there, but must have ${expected.size}`)
      }
      const limit = expected?.size ?? maximumBytes
      if (total !== undefined && total > limit) {
        throw fail(`has ${formatBytes(total)}, more than the ${formatBytes(limit)} that are allowed`)
      }
      await stream(response, limit, progress)
      if (have < (expected?.size ?? total ?? have)) throw new TemporaryFailure('ended the file too early')
      return found
    } finally {
      response.destroy()
    }
  }

  async function stream(response: IncomingMessage, limit: number, progress: () => void): Promise<void> {
    let gained = 0
    let sinceLook = 0
    const watch = setInterval(() => {
      if (sinceLook < (MINIMUM_BYTES_PER_SECOND * stallTimeoutMs) / 1000) {
        response.destroy(new TemporaryFailure(`sent nearly nothing for ${stallTimeoutMs / 1000} s`))
      }
      sinceLook = 0
    }, stallTimeoutMs)
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        if (have + chunk.length > limit) {
          await restart()
          throw fail(`goes on after the ${limit} bytes that it may have`)
        }
        await writeWhole(file, chunk, have)
        hash.update(chunk)
        have += chunk.length
        gained += chunk.length
        sinceLook += chunk.length
        if (gained >= PROGRESS_BYTES) progress()
        onBytes?.(have)
      }
    } catch (error) {
      signal.throwIfAborted()
      // Everything that a socket can end with; what comes from the disk has another kind of code.
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ETIMEDOUT' || code === 'EPIPE') {
        throw new TemporaryFailure('broke the connection')
      }
      if (code?.startsWith('HPE_')) throw new TemporaryFailure('broke the rules of HTTP')
      throw error
    } finally {
      clearInterval(watch)
    }
  }

  try {
    await adopt()
    const found = await persist<Pick<DownloadedFile, 'disposition' | 'url'>>(
      async ({ progress }) => {
        const complete = expected !== undefined && have === expected.size
        const from = complete ? { disposition: undefined, url } : await receive(progress)
        if (expected === undefined) return from
        const value = hash.copy().digest('hex')
        if (value === expected.hash.value) return from
        await restart()
        // Once it may be what an earlier process left; then it is the server.
        if (++wrongHashes >= 2) {
          throw fail(`has another content than it must have (${algorithm} ${value} instead of ${expected.hash.value})`)
        }
        throw new TemporaryFailure('sent another content than it must be')
      },
      { clock, signal, server: url.host, attempts, ...(request.onRetry ? { onRetry: request.onRetry } : {}) },
    )
    await file.sync().catch(() => undefined)
    await rm(validatorPath(path), { force: true })
    return { size: have, hash: { algorithm, value: hash.digest('hex') }, ...found }
  } catch (error) {
    if (isDiskFull(error)) {
      // A full disk hurts everybody: what has come is given back.
      await removePart(path)
      throw new NoRoomForModelError(`file ${name} does not fit on the disk`, {
        remedy: 'Free some room (`crynux models remove <model>`), or name another folder with --model-cache.',
        details: { file: name },
        cause: error,
      })
    }
    if (error instanceof ModelDownloadError) await removePart(path)
    throw error
  } finally {
    await file.close()
  }
}

const validatorPath = (path: string): string => `${path}.etag`

async function removePart(path: string): Promise<void> {
  await rm(path, { force: true })
  await rm(validatorPath(path), { force: true })
}

const openPart = (path: string): Promise<FileHandle> => open(path, constants.O_RDWR | constants.O_CREAT, 0o644)

async function writeWhole(file: FileHandle, chunk: Buffer, position: number): Promise<void> {
  for (let written = 0; written < chunk.length; ) {
    const { bytesWritten } = await file.write(chunk, written, chunk.length - written, position + written)
    written += bytesWritten
  }
}

const isDiskFull = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(String(error.code))
