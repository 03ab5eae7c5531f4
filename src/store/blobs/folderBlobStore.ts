import { createHash, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, type FileHandle, open, readdir, rename, statfs, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { CrynuxError, EXIT } from '../../base/errors.js'
import { type Hex, isHex32 } from '../../base/hex.js'
import { makeFolder } from '../../base/makeFolder.js'
import type { BlobStore } from './blobStore.js'

/** Larger buffers than a socket's 64 KiB: about 1.7 times the throughput for pictures. */
const BUFFER_BYTES = 512 * 1024

const NAME = /^[0-9a-f]{64}\.[0-9a-f]{32}$/
const TEMPORARY = /^[0-9a-f]{32}\.part$/

export type FolderBlobStoreOptions = {
  /** Made with mode 0700. */
  folder: string
  /** Uploads are refused when less than this would stay free on the disk. */
  reserveBytes?: number
  /** Sum of the declared sizes of all uploads that are under way. */
  pendingLimitBytes?: number
}

/**
 * Blobs as files of one flat folder that only its owner can enter.
 *
 * A name is the task's id and 16 random bytes, all hexadecimal, so no request can steer a path; O_NOFOLLOW refuses planted links.
 * A file gets its name by rename after its bytes are flushed: what has a name is whole.
 */
export async function createFolderBlobStore(options: FolderBlobStoreOptions): Promise<BlobStore> {
  const { folder, reserveBytes = 256 * 2 ** 20, pendingLimitBytes = 2 ** 30 } = options
  await makeFolder(folder, { mode: 0o700 })
  await chmod(folder, 0o700)
  let pendingBytes = 0

  const pathOf = (name: string): string => {
    if (!NAME.test(name)) throw new Error('not the name of a blob')
    return join(folder, name)
  }

  const store: BlobStore = {
    receive: async (source, { declaredBytes }) => {
      if (pendingBytes + declaredBytes > pendingLimitBytes) throw noSpace('too many uploads are under way')
      pendingBytes += declaredBytes
      const temporary = join(folder, `${randomBytes(16).toString('hex')}.part`)
      try {
        const { bavail, bsize } = await statfs(folder)
        if (bavail * bsize - pendingBytes < reserveBytes) throw noSpace('the disk is nearly full')
        const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
        const handle = await open(temporary, flags, 0o600)
        try {
          const sha256 = await write(handle, source, declaredBytes)
          await handle.sync()
          return {
            sizeBytes: declaredBytes,
            sha256,
            keep: async (taskId) => {
              if (!isHex32(taskId)) throw new Error('not a task id')
              const name = `${taskId.slice(2).toLowerCase()}.${randomBytes(16).toString('hex')}`
              await rename(temporary, pathOf(name))
              await flushFolder(folder)
              return name
            },
            discard: () => removeFile(temporary),
          }
        } finally {
          await handle.close()
        }
      } catch (error) {
        await removeFile(temporary)
        throw error
      } finally {
        pendingBytes -= declaredBytes
      }
    },

    open: async (name) => {
      const handle = await open(pathOf(name), constants.O_RDONLY | constants.O_NOFOLLOW)
      try {
        const { size } = await handle.stat()
        return {
          sizeBytes: size,
          stream: ({ start, end }) => handle.createReadStream({ start, end, highWaterMark: BUFFER_BYTES }),
          close: () => handle.close(),
        }
      } catch (error) {
        await handle.close()
        throw error
      }
    },

    read: async (name) => {
      const handle = await open(pathOf(name), constants.O_RDONLY | constants.O_NOFOLLOW)
      try {
        return new Uint8Array(await handle.readFile())
      } finally {
        await handle.close()
      }
    },

    remove: async (names) => {
      if (names.length === 0) return
      for (const name of names) await removeFile(pathOf(name))
      await flushFolder(folder)
    },

    removeUnknown: async (known) => {
      let removed = 0
      for (const name of await readdir(folder)) {
        // What was not made here stays: the folder may be shared by mistake.
        if (known.has(name) || !(NAME.test(name) || TEMPORARY.test(name))) continue
        await removeFile(join(folder, name))
        removed++
      }
      if (removed > 0) await flushFolder(folder)
      return removed
    },
  }
  return store
}

/** Streams exactly `declaredBytes` to the file in large pieces; returns their sha256. */
async function write(handle: FileHandle, source: AsyncIterable<Uint8Array>, declaredBytes: number): Promise<Hex> {
  const hash = createHash('sha256')
  let pieces: Uint8Array[] = []
  let piecesBytes = 0
  let writtenBytes = 0
  const flush = async () => {
    if (piecesBytes === 0) return
    // Unlike writev, this goes on after a partial write.
    await handle.appendFile(pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces))
    pieces = []
    piecesBytes = 0
  }
  for await (const chunk of source) {
    writtenBytes += chunk.length
    if (writtenBytes > declaredBytes) throw incomplete('more bytes arrived than were declared')
    hash.update(chunk)
    pieces.push(chunk)
    piecesBytes += chunk.length
    if (piecesBytes >= BUFFER_BYTES) await flush()
  }
  await flush()
  if (writtenBytes !== declaredBytes) throw incomplete('fewer bytes arrived than were declared')
  return `0x${hash.digest('hex')}`
}

async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
}

/** A rename or a deletion survives a power failure only after its folder is flushed. */
async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const incomplete = (reason: string) =>
  new IncompleteUploadError(reason, { remedy: 'Send the whole file again with its exact length.' })

const noSpace = (reason: string) =>
  new NoSpaceError(reason, { remedy: 'Try again later, or give the relay more disk.' })

/** The body did not have the declared length. */
export class IncompleteUploadError extends CrynuxError {
  override readonly code = 'CRYNUX_INCOMPLETE_UPLOAD'
  override readonly exitCode = EXIT.usage
}

/** The upload would fill the disk, or too much is being uploaded at once. */
export class NoSpaceError extends CrynuxError {
  override readonly code = 'CRYNUX_NO_SPACE'
  override readonly exitCode = EXIT.temporary
}
