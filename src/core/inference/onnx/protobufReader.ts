import type { ByteSource } from './byteSource.js'

/** A stretch of a file. */
export type Extent = { start: number; end: number }

/** One field of a protobuf message; `value` of a varint is exact up to 2^53, `extent` is the content of what has a length. */
export type ProtobufField =
  | { number: number; wire: 'varint'; value: number }
  | { number: number; wire: 'fixed32' | 'fixed64' | 'bytes'; extent: Extent }

const MAXIMUM_FIELD = 2 ** 29 - 1

/**
 * The fields of a protobuf message in the order of the file; contents are not read.
 *
 * Stricter than the format: groups, which are deprecated and no ONNX file has, are refused.
 * Wire format: https://protobuf.dev/programming-guides/encoding/
 *
 * @throws ProtobufError when a field is malformed or leaves the message.
 */
export function* protobufFields(source: ByteSource, { start, end }: Extent): Generator<ProtobufField> {
  let at = start
  while (at < end) {
    const key = readVarint(source, at, end)
    at = key.next
    const number = Math.floor(key.value / 8)
    if (number === 0 || number > MAXIMUM_FIELD) throw new ProtobufError('a field number is out of range')
    const wire = key.value % 8
    if (wire === 0) {
      const { value, next } = readVarint(source, at, end)
      at = next
      yield { number, wire: 'varint', value }
      continue
    }
    let length: number
    if (wire === 1) length = 8
    else if (wire === 5) length = 4
    else if (wire === 2) {
      const prefix = readVarint(source, at, end)
      length = prefix.value
      at = prefix.next
    } else throw new ProtobufError(`wire type ${wire} is not allowed`)
    if (length > end - at) throw new ProtobufError('a field is longer than its message')
    const extent = { start: at, end: at + length }
    at += length
    yield { number, wire: wire === 1 ? 'fixed64' : wire === 5 ? 'fixed32' : 'bytes', extent }
  }
}

/** The varints of a packed field. @throws ProtobufError */
export function* packedVarints(source: ByteSource, { start, end }: Extent): Generator<number> {
  for (let at = start; at < end; ) {
    const { value, next } = readVarint(source, at, end)
    at = next
    yield value
  }
}

/** The bytes of a short field, copied. @throws ProtobufError when it is longer than `maximum`. */
export function readBytes(source: ByteSource, { start, end }: Extent, maximum: number): Uint8Array<ArrayBuffer> {
  if (end - start > maximum) throw new ProtobufError(`a name or number list has more than ${maximum} bytes`)
  return Uint8Array.from(source.read(start, end - start))
}

/** A field of text. @throws ProtobufError when it is no UTF-8 or longer than `maximum` bytes. */
export function readText(source: ByteSource, extent: Extent, maximum = 4096): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readBytes(source, extent, maximum))
  } catch (cause) {
    if (cause instanceof ProtobufError) throw cause
    throw new ProtobufError('a name is not UTF-8', { cause })
  }
}

/** Negative numbers (ten bytes in two's complement) come out as numbers above 2^53, which no dimension may have. */
function readVarint(source: ByteSource, at: number, end: number): { value: number; next: number } {
  const bytes = source.read(at, Math.min(10, end - at))
  let value = 0
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] ?? 0
    value += (byte & 0x7f) * 2 ** (7 * index)
    if (byte < 0x80) return { value, next: at + index + 1 }
  }
  throw new ProtobufError('a number does not end')
}

/** The bytes are no protobuf message of the expected kind. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError'
}
