import type { FileHandle } from 'node:fs/promises'

/** One file in a zip archive. */
export type ZipEntry = {
  name: string
  method: 'stored' | 'deflated'
  compressedBytes: number
  bytes: number
  crc32: number
  /** Where its local header begins. */
  offset: number
}

const MAXIMUM_DIRECTORY_BYTES = 8 * 1024 * 1024
const MAXIMUM_ENTRIES = 10_000
/** End record and the longest comment. */
const MAXIMUM_TAIL_BYTES = 22 + 65_535

/** Why an archive is refused, as the end of a sentence. */
export class ZipError extends Error {
  constructor(complaint: string) {
    super(complaint)
    this.name = new.target.name
  }
}

/**
 * Reads the directory of a zip archive (PKWARE APPNOTE 6.3, with zip64). Folders are left out.
 *
 * @throws ZipError for anything that is not plain: links, encryption, other methods, several disks, names given twice.
 */
export async function readZipDirectory(file: FileHandle): Promise<ZipEntry[]> {
  const { size } = await file.stat()
  const { offset, bytes, count } = await findDirectory(file, size)
  if (bytes > MAXIMUM_DIRECTORY_BYTES || count > MAXIMUM_ENTRIES) throw new ZipError('has too many files')
  const directory = await read(file, offset, bytes)
  const entries: ZipEntry[] = []
  const names = new Set<string>()
  let position = 0
  for (let index = 0; index < count; index++) {
    if (position + 46 > directory.length || directory.readUInt32LE(position) !== 0x02014b50) throw damaged()
    const flags = directory.readUInt16LE(position + 8)
    const method = directory.readUInt16LE(position + 10)
    const nameBytes = directory.readUInt16LE(position + 28)
    const extraBytes = directory.readUInt16LE(position + 30)
    const commentBytes = directory.readUInt16LE(position + 32)
    const unixMode = directory.readUInt32LE(position + 38) >>> 16
    const next = position + 46 + nameBytes + extraBytes + commentBytes
    if (next > directory.length) throw damaged()
    const name = directory.toString('utf8', position + 46, position + 46 + nameBytes)
    const [unpacked, packed, localOffset] = wideFields(
      directory.subarray(position + 46 + nameBytes, position + 46 + nameBytes + extraBytes),
      [
        directory.readUInt32LE(position + 24),
        directory.readUInt32LE(position + 20),
        directory.readUInt32LE(position + 42),
      ],
    )
    if (unpacked === undefined || packed === undefined || localOffset === undefined) throw damaged()
    if ((flags & 1) !== 0) throw new ZipError('is encrypted')
    // The type bits of a Unix mode: only plain files and folders are what they seem.
    const type = unixMode & 0o170000
    if (type !== 0 && type !== 0o100000 && type !== 0o040000) throw new ZipError('has a link in it')
    if (!name.endsWith('/')) {
      if (method !== 0 && method !== 8) throw new ZipError('is compressed in another way than deflate')
      if (method === 0 && packed !== unpacked) throw damaged()
      const key = name.toLowerCase()
      if (names.has(key)) throw new ZipError('has a file twice')
      names.add(key)
      entries.push({
        name,
        method: method === 0 ? 'stored' : 'deflated',
        compressedBytes: packed,
        bytes: unpacked,
        crc32: directory.readUInt32LE(position + 16),
        offset: localOffset,
      })
    }
    position = next
  }
  refuseOverlaps(entries, offset)
  return entries
}

/** Where the packed bytes of an entry begin. @throws ZipError */
export async function zipDataOffset(file: FileHandle, entry: ZipEntry): Promise<number> {
  const header = await read(file, entry.offset, 30)
  if (header.readUInt32LE(0) !== 0x04034b50) throw damaged()
  return entry.offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28)
}

async function findDirectory(file: FileHandle, size: number) {
  const tailBytes = Math.min(size, MAXIMUM_TAIL_BYTES)
  const tailStart = size - tailBytes
  const tail = await read(file, tailStart, tailBytes)
  let at = -1
  for (let position = tailBytes - 22; position >= 0; position--) {
    if (tail.readUInt32LE(position) === 0x06054b50 && position + 22 + tail.readUInt16LE(position + 20) === tailBytes) {
      at = position
      break
    }
  }
  if (at < 0) throw damaged()
  let count = tail.readUInt16LE(at + 10)
  let bytes = tail.readUInt32LE(at + 12)
  let offset = tail.readUInt32LE(at + 16)
  if (tail.readUInt16LE(at + 4) !== 0 && tail.readUInt16LE(at + 4) !== 0xffff) {
    throw new ZipError('is one of several parts')
  }
  const locator = at - 20
  if (locator >= 0 && tail.readUInt32LE(locator) === 0x07064b50) {
    const record = await read(file, safe(tail.readBigUInt64LE(locator + 8)), 56)
    if (record.readUInt32LE(0) !== 0x06064b50) throw damaged()
    count = safe(record.readBigUInt64LE(32))
    bytes = safe(record.readBigUInt64LE(40))
    offset = safe(record.readBigUInt64LE(48))
  }
  if (offset + bytes > size) throw damaged()
  return { offset, bytes, count }
}

/** Fields of all ones stand in the zip64 extra field, in this order. */
function wideFields(extra: Buffer, narrow: readonly number[]): (number | undefined)[] {
  let wide: Buffer | undefined
  for (let position = 0; position + 4 <= extra.length; ) {
    const bytes = extra.readUInt16LE(position + 2)
    if (extra.readUInt16LE(position) === 1) wide = extra.subarray(position + 4, position + 4 + bytes)
    position += 4 + bytes
  }
  let at = 0
  return narrow.map((value) => {
    if (value !== 0xffffffff) return value
    if (!wide || at + 8 > wide.length) return undefined
    at += 8
    return safe(wide.readBigUInt64LE(at - 8))
  })
}

/** The cheapest bombs let many entries share the same packed bytes. */
function refuseOverlaps(entries: readonly ZipEntry[], directoryOffset: number): void {
  const byOffset = [...entries].sort((a, b) => a.offset - b.offset)
  for (const [index, entry] of byOffset.entries()) {
    const end = byOffset[index + 1]?.offset ?? directoryOffset
    if (entry.offset + 30 + entry.compressedBytes > end) throw new ZipError('has files that overlap')
  }
}

function safe(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged()
  return Number(value)
}

async function read(file: FileHandle, position: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes)
  for (let have = 0; have < bytes; ) {
    const { bytesRead } = await file.read(buffer, have, bytes - have, position + have)
    if (bytesRead === 0) throw damaged()
    have += bytesRead
  }
  return buffer
}

const damaged = () => new ZipError('is damaged, or no zip archive')
