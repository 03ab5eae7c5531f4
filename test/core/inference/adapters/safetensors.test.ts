import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readSafetensors } from '../../../../src/core/inference/adapters/safetensors.js'
import { ModelFileError } from '../../../../src/core/inference/modelFile.js'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crynux-safetensors-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const file = 'weights.safetensors'
const model = () => ({ id: 'a/b', path: folder })

function pack(header: string | object, data: Uint8Array = new Uint8Array(0), length?: bigint): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(length ?? BigInt(json.length))
  return Buffer.concat([prefix, json, data])
}

async function read(bytes: Uint8Array) {
  await writeFile(join(folder, file), bytes)
  return readSafetensors(model(), file)
}

const entry = (dtype: string, shape: number[], start: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [start, end],
})

describe('readSafetensors', () => {
  it('gives tensors of the three floating point types, each at its place', async () => {
    const data = Buffer.alloc(8 + 4 + 4)
    data.writeFloatLE(1.5, 0)
    data.writeFloatLE(-0.1, 4)
    data.writeUInt16LE(0x3555, 8)
    data.writeUInt16LE(0x8001, 10)
    data.writeUInt16LE(0x3eab, 12)
    data.writeUInt16LE(0xc000, 14)
    const safetensors = await read(
      pack(
        {
          half: entry('F16', [2, 1], 8, 12),
          single: entry('F32', [2], 0, 8),
          brain: entry('BF16', [1, 2], 12, 16),
          empty: entry('F32', [0, 3], 16, 16),
          __metadata__: { format: 'pt' },
        },
        data,
      ),
    )
    expect([...safetensors.entries.keys()]).toEqual(['half', 'single', 'brain', 'empty'])
    expect(safetensors.metadata.get('format')).toBe('pt')
    expect(await safetensors.tensor('single')).toEqual({ data: Float32Array.of(1.5, -0.1), dims: [2] })
    expect(await safetensors.tensor('half')).toEqual({
      data: Float32Array.of(0x555 / 4096, -(2 ** -24)),
      dims: [2, 1],
    })
    expect(await safetensors.tensor('brain')).toEqual({ data: Float32Array.of(0.333984375, -2), dims: [1, 2] })
    expect(await safetensors.tensor('empty')).toEqual({ data: new Float32Array(0), dims: [0, 3] })
  })

  it('takes names that every object has, and padding after the header', async () => {
    const header = '{"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}   '
    const safetensors = await read(pack(header, Buffer.from(Float32Array.of(7).buffer)))
    expect((await safetensors.tensor('__proto__')).data[0]).toBe(7)
    await expect(safetensors.tensor('constructor')).rejects.toThrow("has no tensor 'constructor'")
  })

  it('knows the other types, and refuses them by name when they are asked for', async () => {
    const safetensors = await read(pack({ ids: entry('I64', [2], 0, 16) }, new Uint8Array(16)))
    await expect(safetensors.tensor('ids')).rejects.toThrow("has tensor 'ids' as I64, must be F32, F16 or BF16")
  })

  it('notices that the file was replaced between two tensors', async () => {
    const safetensors = await read(pack({ a: entry('F32', [1], 0, 4) }, new Uint8Array(4)))
    await writeFile(join(folder, file), pack({ a: entry('F32', [2], 0, 8) }, new Uint8Array(8)))
    await expect(safetensors.tensor('a')).rejects.toThrow('has changed while it was read')
  })

  const ok = entry('F32', [1], 0, 4)
  it.each<[string, Buffer, string]>([
    ['nothing', Buffer.alloc(0), 'too short'],
    ['seven bytes', Buffer.alloc(7), 'too short'],
    ['a pickle', Buffer.from('\x80\x02}q\0X\x05\0\0\0alphaq\x01'), 'header longer than the file'],
    ['the longest length', pack({}, undefined, 2n ** 64n - 1n), 'header longer than the file'],
    ['one byte more than there is', pack({}, undefined, 3n), 'header longer than the file'],
    ['a header over our limit', pack(`{${' '.repeat(16 * 1024 * 1024)}}`), 'header of more than'],
    ['no header', pack('', undefined), 'not a JSON object'],
    ['a header cut short', pack('{"a":'), 'not valid JSON'],
    ['a header with a space before it', pack(' {}'), 'not a JSON object'],
    ['a list', pack('[]'), 'not a JSON object'],
    ['an entry that is null', pack('{"a":null}'), "'a' is not an object"],
    ['an entry that is a list', pack('{"a":[]}'), "'a' is not an object"],
    ['an unknown field', pack({ a: { ...ok, more: 1 } }, new Uint8Array(4)), "unknown field 'more'"],
    ['an unknown type', pack({ a: { ...ok, dtype: 'F31' } }, new Uint8Array(4)), 'unknown type F31'],
    ['a type that maps inherit', pack({ a: { ...ok, dtype: 'constructor' } }, new Uint8Array(4)), 'unknown type'],
    ['no type', pack({ a: { shape: [1], data_offsets: [0, 4] } }, new Uint8Array(4)), 'unknown type undefined'],
    ['a type by prototype', pack('{"a":{"__proto__":{"dtype":"F32"}}}'), "unknown field '__proto__'"],
    ['a negative size', pack({ a: entry('F32', [-1], 0, 4) }, new Uint8Array(4)), 'no shape'],
    ['half a size', pack({ a: entry('F32', [0.5], 0, 2) }, new Uint8Array(2)), 'no shape'],
    ['too many sizes', pack({ a: entry('F32', Array(9).fill(1), 0, 4) }, new Uint8Array(4)), 'no shape'],
    ['sizes that overflow', pack({ a: entry('F32', [2 ** 40, 2 ** 40], 0, 4) }, new Uint8Array(4)), 'must be 4.8'],
    ['one offset', pack({ a: { ...ok, data_offsets: [0] } }, new Uint8Array(4)), 'no two data offsets'],
    ['offsets that are texts', pack({ a: { ...ok, data_offsets: ['0', '4'] } }, new Uint8Array(4)), 'no two data'],
    ['offsets the wrong way round', pack({ a: entry('F32', [1], 4, 0) }, new Uint8Array(4)), 'outside of the file'],
    ['an end behind the file', pack({ a: entry('F32', [2], 0, 8) }, new Uint8Array(4)), 'outside of the file'],
    [
      'bytes that do not fit the shape',
      pack({ a: entry('F32', [2], 0, 4) }, new Uint8Array(4)),
      'has 4 bytes, must be 8',
    ],
    ['data that no tensor has', pack({ a: ok }, new Uint8Array(8)), 'has 8 bytes of data, its header says 4'],
    ['a hole', pack({ a: ok, b: entry('F32', [1], 8, 12) }, new Uint8Array(12)), 'leaves a hole'],
    ['an overlap', pack({ a: entry('F32', [2], 0, 8), b: entry('F32', [1], 4, 8) }, new Uint8Array(8)), 'overlaps'],
    [
      'a tensor twice',
      pack(`{"a":${JSON.stringify(ok)},"\\u0061":${JSON.stringify(ok)}}`, new Uint8Array(4)),
      'a name stands twice',
    ],
    [
      'a field twice',
      pack('{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', new Uint8Array(4)),
      'twice',
    ],
    ['metadata that is a number', pack({ __metadata__: { a: 1 } }), 'a value that is not a text'],
    ['metadata that is a list', pack({ __metadata__: [] }), 'is not an object'],
  ])('refuses %s', async (_, bytes, complaint) => {
    const error = await read(bytes).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(ModelFileError)
    expect(error).toMatchObject({ exitCode: 12, message: expect.stringContaining(complaint) })
    expect((error as Error).message).toMatch(/^file weights\.safetensors of model 'a\/b' [^\n]+$/)
  })

  it('refuses bytes that are not UTF-8', async () => {
    const bytes = pack('{"a":{}}')
    bytes[10] = 0xff
    await expect(read(bytes)).rejects.toThrow('not valid JSON')
  })

  it('refuses names that leave the folder, and what is not a file', async () => {
    await writeFile(join(folder, '..', 'crynux-outside.safetensors'), pack({}))
    for (const name of ['../crynux-outside.safetensors', '/etc/passwd', 'a/../../b', '..\\b', 'c:b', 'a\0b', '']) {
      await expect(readSafetensors(model(), name)).rejects.toThrow('is not a path inside the model')
    }
    await rm(join(folder, '..', 'crynux-outside.safetensors'))
    await expect(readSafetensors(model(), 'absent.safetensors')).rejects.toThrow('is missing')
    await expect(readSafetensors(model(), '.')).rejects.toThrow('is not a file')
  })

  it('either reads a file with damaged bytes or refuses it as a model file, and never anything else', async () => {
    const header = { __metadata__: { x: 'y' }, a: entry('F32', [2, 3], 0, 24), b: entry('F16', [4], 24, 32) }
    const whole = pack(header, new Uint8Array(32))
    // A fixed sequence (a linear congruential generator), so that a failure comes again.
    let state = 1
    const next = (limit: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      return Math.floor((state / 2 ** 32) * limit)
    }
    let refused = 0
    for (let round = 0; round < 150; round++) {
      const bytes = Buffer.from(round % 5 === 0 ? whole.subarray(0, next(whole.length)) : whole)
      for (let count = next(4); count >= 0 && bytes.length > 0; count--) bytes[next(bytes.length)] = next(256)
      try {
        const safetensors = await read(bytes)
        for (const name of safetensors.entries.keys()) {
          const { data, dims } = await safetensors.tensor(name)
          expect(data.length).toBe(dims.reduce((product, each) => product * each, 1))
        }
      } catch (error) {
        expect(error).toBeInstanceOf(ModelFileError)
        refused++
      }
    }
    expect(refused).toBeGreaterThan(50)
  })
})
