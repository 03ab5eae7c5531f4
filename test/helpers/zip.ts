import { crc32, deflateRawSync } from 'node:zlib'

export type ZipInput = {
  name: string
  content: Buffer
  /** Lies that a hostile archive may tell. */
  says?: { bytes?: number; crc32?: number; method?: number; flags?: number; unixMode?: number }
  stored?: boolean
}

/** A zip archive of these files. */
export function makeZip(inputs: readonly ZipInput[]): Buffer {
  const local: Buffer[] = []
  const central: Buffer[] = []
  let offset = 0
  for (const { name, content, says = {}, stored = false } of inputs) {
    const packed = stored ? content : deflateRawSync(content)
    const path = Buffer.from(name)
    const fields = Buffer.alloc(26)
    fields.writeUInt16LE(20, 0)
    fields.writeUInt16LE(says.flags ?? 0, 2)
    fields.writeUInt16LE(says.method ?? (stored ? 0 : 8), 4)
    fields.writeUInt32LE(says.crc32 ?? crc32(content), 10)
    fields.writeUInt32LE(packed.length, 14)
    fields.writeUInt32LE(says.bytes ?? content.length, 18)
    fields.writeUInt16LE(path.length, 22)
    const header = Buffer.concat([Buffer.from('PK\u0003\u0004', 'latin1'), fields, path])
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(((says.unixMode ?? 0o100644) << 16) >>> 0, 6)
    tail.writeUInt32LE(offset, 10)
    central.push(Buffer.from('PK\u0001\u0002\u0014\u0003', 'latin1'), fields, tail, path)
    local.push(header, packed)
    offset += header.length + packed.length
  }
  const directory = Buffer.concat(central)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(inputs.length, 4)
  end.writeUInt16LE(inputs.length, 6)
  end.writeUInt32LE(directory.length, 8)
  end.writeUInt32LE(offset, 12)
  return Buffer.concat([...local, directory, Buffer.from('PK\u0005\u0006', 'latin1'), end])
}

/** A safetensors file with zeroed tensors of these shapes. */
export function makeSafetensors(shapes: Readonly<Record<string, number[]>>): Buffer {
  let offset = 0
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } }
  for (const [name, shape] of Object.entries(shapes)) {
    const bytes = 4 * shape.reduce((product, size) => product * size, 1)
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + bytes] }
    offset += bytes
  }
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([length, json, Buffer.alloc(offset)])
}
