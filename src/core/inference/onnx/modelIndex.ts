import type { ByteSource } from './byteSource.js'
import { type Extent, ProtobufError, packedVarints, protobufFields, readText } from './protobufReader.js'

/** Element types of ONNX tensors that hold weights as they are; the numbers are those of the format. */
const FLOAT_TYPES = new Map<number, 'float32' | 'float16' | 'bfloat16'>([
  [1, 'float32'],
  [10, 'float16'],
  [16, 'bfloat16'],
])

/** Where a tensor's bytes stand: in the model's file, in another file beside it, or in a form that is not raw. */
export type TensorPlace =
  | { kind: 'inline'; start: number; bytes: number }
  | { kind: 'external'; location: string; start: number; bytes: number | undefined }
  | { kind: 'other' }

/** A constant tensor of the graph. */
export type Initializer = {
  name: string
  dims: readonly number[]
  /** `other`: whole numbers, so quantised weights or indices. */
  type: 'float32' | 'float16' | 'bfloat16' | 'other'
  place: TensorPlace
}

/** An operation of the graph. */
export type GraphNode = {
  name: string
  type: string
  inputs: readonly string[]
  outputs: readonly string[]
  /** Attributes that are one whole number, e.g. `transB`. */
  integers: ReadonlyMap<string, number>
}

/** What is needed to find weights; the weights themselves are not read. */
export type ModelIndex = { initializers: ReadonlyMap<string, Initializer>; nodes: readonly GraphNode[] }

/** More than any model has; a file that has more would only fill the memory. */
const MAXIMUM_ENTRIES = 200_000
const MAXIMUM_RANK = 16
const MAXIMUM_LIST = 4096

/**
 * Indexes an ONNX file: its constant tensors and operations, without its weights.
 *
 * Field numbers are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). Subgraphs are not entered.
 *
 * @throws ProtobufError, RangeError when the file is no ONNX model, is truncated or has an unreasonable structure.
 */
export function indexModel(source: ByteSource): ModelIndex {
  const initializers = new Map<string, Initializer>()
  const nodes: GraphNode[] = []
  let graphs = 0
  for (const field of protobufFields(source, { start: 0, end: source.size })) {
    if (field.number !== 7) continue
    if (field.wire !== 'bytes' || ++graphs > 1) throw new ProtobufError('the graph is not one message')
    for (const part of protobufFields(source, field.extent)) {
      if (part.number !== 1 && part.number !== 5) continue
      if (part.wire !== 'bytes') throw new ProtobufError('a node or tensor is not a message')
      if (part.number === 1) nodes.push(readNode(source, part.extent))
      else {
        const tensor = readTensor(source, part.extent)
        if (initializers.has(tensor.name)) throw new ProtobufError('two tensors have the same name')
        initializers.set(tensor.name, tensor)
      }
      if (nodes.length + initializers.size > MAXIMUM_ENTRIES) throw new ProtobufError('the graph is too large')
    }
  }
  if (graphs === 0) throw new ProtobufError('the file has no graph')
  return { initializers, nodes }
}

function readNode(source: ByteSource, extent: Extent): GraphNode {
  const node = { name: '', type: '', inputs: [] as string[], outputs: [] as string[], integers: new Map() }
  for (const field of protobufFields(source, extent)) {
    if (field.wire !== 'bytes') continue
    if (field.number === 1) node.inputs.push(readText(source, field.extent))
    else if (field.number === 2) node.outputs.push(readText(source, field.extent))
    else if (field.number === 3) node.name = readText(source, field.extent)
    else if (field.number === 4) node.type = readText(source, field.extent)
    else if (field.number === 5) {
      const attribute = readInteger(source, field.extent)
      if (attribute) node.integers.set(attribute.name, attribute.value)
    }
    if (node.inputs.length > MAXIMUM_LIST || node.outputs.length > MAXIMUM_LIST) {
      throw new ProtobufError('a node has too many inputs or outputs')
    }
  }
  return node
}

function readInteger(source: ByteSource, extent: Extent): { name: string; value: number } | undefined {
  let name = ''
  let value: number | undefined
  for (const field of protobufFields(source, extent)) {
    if (field.number === 1 && field.wire === 'bytes') name = readText(source, field.extent)
    else if (field.number === 3 && field.wire === 'varint') value = field.value
  }
  return value === undefined ? undefined : { name, value }
}

function readTensor(source: ByteSource, extent: Extent): Initializer {
  let name = ''
  let type: Initializer['type'] = 'other'
  const dims: number[] = []
  let raw: Extent | undefined
  let isExternal = false
  const external = new Map<string, string>()
  for (const field of protobufFields(source, extent)) {
    if (field.number === 1) {
      if (field.wire === 'varint') dims.push(field.value)
      else if (field.wire === 'bytes') dims.push(...packedDims(source, field.extent))
      if (dims.length > MAXIMUM_RANK) throw new ProtobufError('a tensor has too many dimensions')
    } else if (field.number === 2 && field.wire === 'varint') type = FLOAT_TYPES.get(field.value) ?? 'other'
    else if (field.number === 8 && field.wire === 'bytes') name = readText(source, field.extent)
    else if (field.number === 9 && field.wire === 'bytes') raw = field.extent
    else if (field.number === 13 && field.wire === 'bytes') {
      const [key, value] = readPair(source, field.extent)
      external.set(key, value)
    } else if (field.number === 14 && field.wire === 'varint') isExternal = field.value === 1
  }
  const size = dims.reduce((product, each) => product * each, 1)
  if (!Number.isSafeInteger(size) || dims.some((each) => !Number.isSafeInteger(each))) {
    throw new ProtobufError('a tensor has impossible dimensions')
  }
  return { name, dims, type, place: placeOf(raw, isExternal ? external : undefined) }
}

function packedDims(source: ByteSource, extent: Extent): number[] {
  if (extent.end - extent.start > MAXIMUM_RANK * 10) throw new ProtobufError('a tensor has too many dimensions')
  return [...packedVarints(source, extent)]
}

function readPair(source: ByteSource, extent: Extent): [string, string] {
  const pair: [string, string] = ['', '']
  for (const field of protobufFields(source, extent)) {
    if (field.wire === 'bytes' && (field.number === 1 || field.number === 2)) {
      pair[field.number - 1] = readText(source, field.extent)
    }
  }
  return pair
}

function placeOf(raw: Extent | undefined, external: ReadonlyMap<string, string> | undefined): TensorPlace {
  if (external) {
    const location = external.get('location')
    const start = wholeNumber(external.get('offset') ?? '0')
    const length = external.get('length')
    const bytes = length === undefined ? undefined : wholeNumber(length)
    if (!location) throw new ProtobufError('a tensor in another file has no place there')
    return { kind: 'external', location, start, bytes }
  }
  return raw ? { kind: 'inline', start: raw.start, bytes: raw.end - raw.start } : { kind: 'other' }
}

function wholeNumber(text: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value)) throw new ProtobufError('a tensor in another file has no place there')
  return value
}
