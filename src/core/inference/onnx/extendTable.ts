import { type FileHandle, mkdir, open, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ModelFileError } from '../modelFile.js'
import { type ByteSource, createByteSource } from './byteSource.js'
import type { Initializer } from './modelIndex.js'
import { copyPart, type IndexedModel, partPath } from './patchModel.js'
import { type Extent, protobufFields, readText } from './protobufReader.js'
import { encodeWeights, FLOAT_BYTES } from './weightNumbers.js'

/** Numbers of ONNX's element types. */
const TYPE_NUMBERS = { float32: 1, float16: 10, bfloat16: 16 } as const
/** No protobuf message may be larger. */
const MAXIMUM_FILE_BYTES = 2 ** 31 - 1
const COPY_BYTES = 1 << 24

/** A table [rows, width] of a model, how many of its rows stay, and what follows them. */
export type TableExtension = { table: Initializer; kept: number; rows: Float32Array<ArrayBuffer> }

/**
 * Copies a model's file and those with its weights into a folder, with more rows in one table: the first `kept` rows stay, the new ones
 * follow, in the table's own element type. The table stands in the file itself afterwards.
 *
 * @throws ModelFileError when the table is quantised, stored in an unusual form, or the file would become too large
 */
export async function extendTable(
  source: IndexedModel,
  { folder, ...extension }: TableExtension & { folder: string },
): Promise<void> {
  const name = basename(source.file)
  const pieces = await planCopy(source, extension)
  await mkdir(folder, { recursive: true })
  for (const part of otherParts(source)) {
    await mkdir(dirname(join(folder, part)), { recursive: true })
    await copyPart(source, part, join(folder, part))
  }
  const to = await open(join(folder, name), 'wx', 0o600)
  const opened = new Map<string, FileHandle>()
  try {
    for (const piece of pieces) {
      if (Buffer.isBuffer(piece)) {
        await to.writeFile(piece)
        continue
      }
      const from = opened.get(piece.part) ?? (await open(partPath(source, piece.part), 'r'))
      opened.set(piece.part, from)
      if (!(await copyRange(from, to, piece))) throw new ModelFileError(source.model, piece.part, 'ends too early')
    }
  } finally {
    for (const handle of [to, ...opened.values()]) await handle.close()
  }
}

/** Whether a folder holds what {@link extendTable} makes, in full length. */
export async function isExtendedCopy(
  source: IndexedModel,
  { folder, ...extension }: TableExtension & { folder: string },
): Promise<boolean> {
  const sizeOf = (path: string) =>
    stat(path).then(
      ({ size }) => size,
      () => -1,
    )
  for (const part of otherParts(source)) {
    if ((await sizeOf(partPath(source, part))) !== (await sizeOf(join(folder, part)))) return false
  }
  const pieces = await planCopy(source, extension)
  const size = pieces.reduce((sum, piece) => sum + pieceBytes(piece), 0)
  return size === (await sizeOf(join(folder, basename(source.file))))
}

const otherParts = ({ file, parts }: IndexedModel): string[] => parts.filter((part) => part !== basename(file))

/** The bytes of the copy in order: new ones, and stretches of the model's files. */
type Piece = Buffer | (Extent & { part: string })

const pieceBytes = (piece: Piece): number => (Buffer.isBuffer(piece) ? piece.length : piece.end - piece.start)

async function planCopy(source: IndexedModel, { table, kept, rows }: TableExtension): Promise<Piece[]> {
  const { model, file } = source
  const refuse = (complaint: string) => new ModelFileError(model, file, `${complaint} (tensor '${table.name}')`)
  const { type, place, dims } = table
  const [present = 0, width = 0] = dims
  if (type === 'other' || place.kind === 'other')
    throw refuse('stores its embeddings in a form that cannot be extended')
  const bytes = kept * width * FLOAT_BYTES[type]
  if (kept > present || (place.bytes !== undefined && bytes > place.bytes)) {
    throw refuse('has fewer embeddings than its tokenizer has tokens')
  }
  const added = Buffer.from(encodeWeights(rows, type))
  const name = basename(file)
  const handle = await open(partPath(source, name), 'r')
  try {
    const { size } = await handle.stat()
    const found = findTensor(createByteSource(handle.fd, size), table.name)
    if (!found) throw refuse('stores its embeddings in a form that cannot be extended')
    const { graph, tensor } = found
    const head = tensorHead({ table, type, rows: kept + rows.length / width, width, bytes: bytes + added.length })
    const message = Buffer.concat([header(TENSOR_KEY, head.length + bytes + added.length), head])
    const longer = message.length + bytes + added.length - (tensor.end - tensor.headerStart)
    if (size + longer > MAXIMUM_FILE_BYTES) throw refuse('would become too large with more embeddings')
    return [
      { part: name, start: 0, end: graph.headerStart },
      header(GRAPH_KEY, graph.end - graph.start + longer),
      { part: name, start: graph.start, end: tensor.headerStart },
      message,
      { part: place.kind === 'external' ? place.location : name, start: place.start, end: place.start + bytes },
      added,
      { part: name, start: tensor.end, end: size },
    ]
  } finally {
    await handle.close()
  }
}

/** Field numbers of onnx.proto with their wire type: ModelProto.graph, GraphProto.initializer. */
const GRAPH_KEY = (7 << 3) | 2
const TENSOR_KEY = (5 << 3) | 2

type Message = Extent & { headerStart: number }

/** Where the graph and one of its tensors stand, with their headers. */
function findTensor(source: ByteSource, name: string): { graph: Message; tensor: Message } | undefined {
  for (const field of protobufFields(source, { start: 0, end: source.size })) {
    if (field.number !== 7 || field.wire !== 'bytes') continue
    const graph = withHeader(source, GRAPH_KEY, field.extent)
    for (const part of protobufFields(source, field.extent)) {
      if (part.number !== 5 || part.wire !== 'bytes' || tensorName(source, part.extent) !== name) continue
      const tensor = withHeader(source, TENSOR_KEY, part.extent)
      return graph && tensor && { graph, tensor }
    }
  }
  return undefined
}

function tensorName(source: ByteSource, extent: Extent): string | undefined {
  for (const field of protobufFields(source, extent)) {
    if (field.number === 8 && field.wire === 'bytes') return readText(source, field.extent)
  }
  return undefined
}

/** The header before a message; undefined where a writer has padded its length. */
function withHeader(source: ByteSource, key: number, { start, end }: Extent): Message | undefined {
  const expected = header(key, end - start)
  const headerStart = start - expected.length
  return headerStart >= 0 && expected.equals(source.read(headerStart, expected.length))
    ? { start, end, headerStart }
    : undefined
}

function tensorHead({
  table,
  type,
  rows,
  width,
  bytes,
}: {
  table: Initializer
  type: keyof typeof TYPE_NUMBERS
  rows: number
  width: number
  bytes: number
}): Buffer {
  const name = Buffer.from(table.name)
  return Buffer.concat([
    // dims, data_type, name, raw_data
    Buffer.of(1 << 3, ...varint(rows), 1 << 3, ...varint(width)),
    Buffer.of(2 << 3, TYPE_NUMBERS[type]),
    header((8 << 3) | 2, name.length),
    name,
    header((9 << 3) | 2, bytes),
  ])
}

const header = (key: number, length: number): Buffer => Buffer.of(key, ...varint(length))

function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) + 0x80)
    rest = Math.floor(rest / 0x80)
  }
  return [...bytes, rest]
}

/** Copies a stretch of a file to the end of another; false where the file ends before it. */
async function copyRange(from: FileHandle, to: FileHandle, { start, end }: Extent): Promise<boolean> {
  const buffer = Buffer.alloc(Math.min(COPY_BYTES, Math.max(0, end - start)))
  for (let at = start; at < end; ) {
    const { bytesRead } = await from.read(buffer, 0, Math.min(buffer.length, end - at), at)
    if (bytesRead === 0) return false
    await to.writeFile(buffer.subarray(0, bytesRead))
    at += bytesRead
  }
  return true
}
