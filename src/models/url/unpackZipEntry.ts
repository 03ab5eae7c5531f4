import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { crc32, createInflateRaw } from 'node:zlib'
import { type ZipEntry, ZipError, zipDataOffset } from './readZip.js'

/**
 * Writes one entry of an archive to a new file and returns its sha256. Never more than the directory says is written.
 *
 * @throws ZipError when size or checksum are not those of the directory; the file is the caller's to remove.
 */
export async function unpackZipEntry(
  archive: FileHandle,
  entry: ZipEntry,
  { path, signal }: { path: string; signal: AbortSignal },
): Promise<string> {
  const start = await zipDataOffset(archive, entry)
  const hash = createHash('sha256')
  let checksum = 0
  let bytes = 0
  const check = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      if (bytes > entry.bytes) return done(new ZipError(`unpacks file ${entry.name} to more than it says`))
      checksum = crc32(chunk, checksum)
      hash.update(chunk)
      done(null, chunk)
    },
  })
  const output = createWriteStream(path, { flags: 'w', mode: 0o644 })
  const packed = readRange(archive, start, entry.compressedBytes)
  try {
    if (entry.method === 'stored') await pipeline(packed, check, output, { signal })
    else await pipeline(packed, createInflateRaw(), check, output, { signal })
  } catch (error) {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('Z_')) {
      throw new ZipError(`has file ${entry.name} damaged`)
    }
    throw error
  }
  if (bytes !== entry.bytes || checksum !== entry.crc32) throw new ZipError(`has file ${entry.name} damaged`)
  return hash.digest('hex')
}

async function* readRange(file: FileHandle, start: number, bytes: number): AsyncGenerator<Buffer> {
  for (let done = 0; done < bytes; ) {
    const buffer = Buffer.allocUnsafe(Math.min(2 ** 18, bytes - done))
    const { bytesRead } = await file.read(buffer, 0, buffer.length, start + done)
    if (bytesRead === 0) throw new ZipError('ends too early')
    done += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}
