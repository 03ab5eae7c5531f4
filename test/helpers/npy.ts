import { readFileSync } from 'node:fs'

/** A tensor of a `.npy` file; integers and booleans are given as float64. */
export type NpyTensor = { shape: number[]; data: Float32Array | Float64Array }

/** Reads a `.npy` file, format 1.0, C order, little endian: float32, float64, int32, int64, uint8 or bool. */
export function readNpy(path: string): NpyTensor {
  const bytes = readFileSync(path)
  if (bytes.toString('latin1', 1, 6) !== 'NUMPY') throw new Error(`${path} is not an .npy file`)
  const headerLength = bytes.readUInt16LE(8)
  const header = bytes.toString('latin1', 10, 10 + headerLength)
  const type = /'descr': '([^']+)'/.exec(header)?.[1]
  const shape = (/'shape': \(([^)]*)\)/.exec(header)?.[1] ?? '').split(',').filter((part) => part.trim() !== '')
  if (!header.includes("'fortran_order': False")) throw new Error(`${path} is not in C order`)
  // A copy, because the data of a file need not be aligned.
  const { buffer } = Uint8Array.from(bytes.subarray(10 + headerLength))
  return { shape: shape.map(Number), data: decode(type, buffer, path) }
}

function decode(type: string | undefined, buffer: ArrayBuffer, path: string): NpyTensor['data'] {
  switch (type) {
    case '<f4':
      return new Float32Array(buffer)
    case '<f8':
      return new Float64Array(buffer)
    case '<i4':
      return Float64Array.from(new Int32Array(buffer))
    case '<i8':
      return Float64Array.from(new BigInt64Array(buffer), Number)
    case '|u1':
    case '|b1':
      return Float64Array.from(new Uint8Array(buffer))
    default:
      throw new Error(`${path} holds ${type}, which the tests do not read`)
  }
}

/** One entry of the first dimension, as a view. */
export function npyRow(tensor: NpyTensor, index: number): Float32Array {
  if (!(tensor.data instanceof Float32Array)) throw new Error('rows are taken of float32 tensors only')
  const length = tensor.data.length / (tensor.shape[0] ?? 1)
  return tensor.data.subarray(index * length, (index + 1) * length)
}
