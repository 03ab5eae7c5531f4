/** Entries of an archive by name. */
export type ZipEntries = ReadonlyMap<string, Uint8Array>

const MAXIMUM_ENTRIES = 4096
/** An archive ends with this record and a comment of at most 65,535 bytes. */
const END_BYTES = 22
const LONGEST_COMMENT = 65_535

/**
 * Reads a ZIP archive whose entries are stored, not compressed, as PyTorch writes them (APPNOTE.TXT of PKWARE, sections 4.3.7, 4.3.12
 * and 4.3.16). The entries are views of `bytes`; since nothing is unpacked, they are never larger than the file.
 *
 * @throws StoredZipError for what is no such archive
 */
export function readStoredZip(bytes: Uint8Array): ZipEntries {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = findEnd(view)
  const count = view.getUint16(end + 10, true)
  const directory = view.getUint32(end + 16, true)
  if (count > MAXIMUM_ENTRIES || directory > end) throw new StoredZipError('is a ZIP archive without a sound directory')
  const entries = new Map<string, Uint8Array>()
  let at = directory
  for (let index = 0; index < count; index++) {
    if (at + 46 > end || view.getUint32(at, true) !== 0x02014b50) throw new StoredZipError('has a damaged directory')
    const flags = view.getUint16(at + 8, true)
    const method = view.getUint16(at + 10, true)
    const packed = view.getUint32(at + 20, true)
    const size = view.getUint32(at + 24, true)
    const nameEnd = at + 46 + view.getUint16(at + 28, true)
    const offset = view.getUint32(at + 42, true)
    const next = nameEnd + view.getUint16(at + 30, true) + view.getUint16(at + 32, true)
    if (next > end) throw new StoredZipError('has a damaged directory')
    if (flags & 1) throw new StoredZipError('has an encrypted entry')
    if (method !== 0 || packed !== size) throw new StoredZipError('has a compressed entry, which PyTorch never writes')
    const name = new TextDecoder().decode(bytes.subarray(at + 46, nameEnd))
    if (entries.has(name)) throw new StoredZipError('has two entries of one name')
    entries.set(name, content(view, bytes, { offset, size, limit: directory }))
    at = next
  }
  return entries
}

function findEnd(view: DataView): number {
  for (let at = view.byteLength - END_BYTES; at >= Math.max(0, view.byteLength - END_BYTES - LONGEST_COMMENT); at--) {
    if (view.getUint32(at, true) === 0x06054b50 && view.getUint16(at + 20, true) === view.byteLength - END_BYTES - at)
      return at
  }
  throw new StoredZipError('is no ZIP archive, which PyTorch writes since version 1.6')
}

/** The content behind an entry's own header, which repeats its name; before the directory, so that it is no part of that. */
function content(
  view: DataView,
  bytes: Uint8Array,
  { offset, size, limit }: { offset: number; size: number; limit: number },
): Uint8Array {
  if (offset + 30 > limit || view.getUint32(offset, true) !== 0x04034b50) {
    throw new StoredZipError('has an entry that is not in the file')
  }
  const start = offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true)
  if (start + size > limit) throw new StoredZipError('has an entry that is not in the file')
  return bytes.subarray(start, start + size)
}

/** Bytes are no archive of the supported kind; the message continues `file … of model …`. */
export class StoredZipError extends Error {}
