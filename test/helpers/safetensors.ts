/** Numbers of a tensor with its dimensions; written as float32, or float16 for bits of halves. */
export type TensorValues = { dims: readonly number[]; data: Float32Array | Uint16Array }

/** A safetensors file with these tensors, in their order. */
export function safetensorsFile(tensors: Record<string, TensorValues>): Uint8Array {
  const header: Record<string, unknown> = {}
  let end = 0
  for (const [name, { dims, data }] of Object.entries(tensors)) {
    const start = end
    end += data.byteLength
    header[name] = { dtype: data instanceof Float32Array ? 'F32' : 'F16', shape: dims, data_offsets: [start, end] }
  }
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  const chunks = Object.values(tensors).map(({ data: { buffer, byteOffset, byteLength } }) =>
    Buffer.from(buffer, byteOffset, byteLength),
  )
  return Buffer.concat([length, json, ...chunks])
}
