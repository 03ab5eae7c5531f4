import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packageRoot } from '../../../../src/base/packageRoot.js'
import { readTextualInversion } from '../../../../src/core/inference/adapters/textualInversion/readTextualInversion.js'
import { ModelFileError } from '../../../../src/core/inference/modelFile.js'

const golden = readFileSync(
  join(packageRoot, 'test/vectors/sd15-extras/textual_inversion/single-bin/learned_embeds.bin'),
)
let path = ''
beforeAll(async () => {
  path = await mkdtemp(join(tmpdir(), 'crynux-pickle-'))
})
afterAll(() => rm(path, { recursive: true, force: true }))

async function read(bytes: Uint8Array) {
  await writeFile(join(path, 'learned_embeds.bin'), bytes)
  return readTextualInversion({ id: 'a/b', path })
}

async function refusal(bytes: Uint8Array): Promise<string> {
  const error = await read(bytes).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(ModelFileError)
  expect(error).toMatchObject({ exitCode: 12 })
  expect((error as Error).message).toMatch(/^file learned_embeds\.bin of model 'a\/b' [^\n]+$/)
  return (error as Error).message
}

/** A ZIP archive; `method` 8 says that its entries are compressed. */
function zip(entries: Record<string, Uint8Array>, method = 0): Buffer {
  const files: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const [name, data] of Object.entries(entries)) {
    const sizes = [data.length, data.length].map((size) => u32(size))
    const local = [u32(0x04034b50), u16(20, 0, method, 0, 0), u32(0), ...sizes, u16(name.length, 0), Buffer.from(name)]
    files.push(...local, Buffer.from(data))
    const head = [u32(0x02014b50), u16(20, 20, 0, method, 0, 0), u32(0), ...sizes]
    directory.push(...head, u16(name.length, 0, 0, 0, 0), u32(0), u32(offset), Buffer.from(name))
    offset = Buffer.concat(files).length
  }
  const count = Object.keys(entries).length
  const size = Buffer.concat(directory).length
  return Buffer.concat([
    ...files,
    ...directory,
    u32(0x06054b50),
    u16(0, 0, count, count),
    u32(size),
    u32(offset),
    u16(0),
  ])
}

const u16 = (...values: number[]) => Buffer.from(Uint16Array.from(values).buffer)
const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer)

const PROTO = Buffer.of(0x80, 2)
const STOP = Buffer.from('.')
const text = (value: string) => Buffer.concat([Buffer.from('X'), u32(Buffer.byteLength(value)), Buffer.from(value)])
const global = (name: string) => Buffer.from(`c${name.replace(' ', '\n')}\n`)
const int = (value: number) => Buffer.concat([Buffer.from('J'), Buffer.from(Int32Array.of(value).buffer)])
const tuple = (...items: Buffer[]) => Buffer.concat([Buffer.from('('), ...items, Buffer.from('t')])
const dict = (...items: Buffer[]) => Buffer.concat([Buffer.from('}('), ...items, Buffer.from('u')])
const call = (name: string, ...given: Buffer[]) => Buffer.concat([global(name), tuple(...given), Buffer.from('R')])
const storage = (type: string, key: string, count: number) =>
  Buffer.concat([tuple(text('storage'), global(`torch ${type}`), text(key), text('cpu'), int(count)), Buffer.from('Q')])
const FALSE = Buffer.of(0x89)
const tensor = (from: Buffer, offset: number, size: number[], stride: number[]) =>
  call(
    'torch._utils _rebuild_tensor_v2',
    from,
    int(offset),
    tuple(...size.map(int)),
    tuple(...stride.map(int)),
    FALSE,
    call('collections OrderedDict'),
  )

const archive = (program: Buffer, data: Record<string, Uint8Array> = {}) =>
  zip({
    'x/data.pkl': Buffer.concat([PROTO, program, STOP]),
    ...Object.fromEntries(Object.entries(data).map(([key, bytes]) => [`x/data/${key}`, bytes])),
  })
const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer)

describe('what torch.save wrote', () => {
  test('a dictionary of one tensor', async () => {
    const { tokens, vectors } = await read(golden)
    expect(tokens).toEqual(['<blue-thing>'])
    expect(vectors.dims).toEqual([1, 32])
  })

  test('half precision, offsets, strides and a parameter', async () => {
    const halves = new Uint8Array(Uint16Array.of(0x3c00, 0xc000, 0x3800, 0, 0x4200, 0x4400).buffer)
    const transposed = tensor(storage('HalfStorage', '0', 6), 0, [2, 3], [1, 2])
    const half = await read(archive(dict(text('<x>'), transposed), { 0: halves }))
    expect(half.tokens).toEqual(['<x>', '<x>_1'])
    expect([...half.vectors.data]).toEqual([1, 0.5, 3, -2, 0, 4])
    const parameter = call(
      'torch._utils _rebuild_parameter',
      tensor(storage('FloatStorage', '7', 3), 1, [2], [1]),
      FALSE,
    )
    const single = await read(archive(dict(text('<y>'), parameter), { 7: floats(9, 8, 7) }))
    expect([...single.vectors.data]).toEqual([8, 7])
  })

  test('the layout of AUTOMATIC1111', async () => {
    const vectors = tensor(storage('FloatStorage', '0', 4), 0, [2, 2], [2, 1])
    const program = dict(
      text('string_to_token'),
      dict(text('*'), int(265)),
      text('string_to_param'),
      dict(text('*'), vectors),
      text('name'),
      text('style'),
      text('sd_checkpoint'),
      Buffer.from('N'),
    )
    expect(await read(archive(program, { 0: floats(1, 2, 3, 4) }))).toMatchObject({ tokens: ['style', 'style_1'] })
  })
})

describe('a pickle that is refused', () => {
  const vector = tensor(storage('FloatStorage', '0', 2), 0, [2], [1])
  const two = { 0: floats(1, 2) }

  test.each<[string, Buffer, string]>([
    ['a call of os.system', archive(call('os system', text('id'))), "wants to import 'os.system'"],
    [
      'eval by protocol 4',
      archive(Buffer.concat([text('builtins'), text('eval'), Buffer.of(0x93)])),
      "'builtins.eval'",
    ],
    ['an import with control characters', archive(global('os\x1b[2J x')), "wants to import 'os?[2J.x'"],
    [
      'storage of doubles',
      archive(dict(text('<x>'), tensor(storage('DoubleStorage', '0', 1), 0, [1], [1]))),
      'torch.DoubleStorage',
    ],
    [
      'building an object',
      archive(Buffer.concat([call('collections OrderedDict'), Buffer.from('}b')])),
      'operation 0x62',
    ],
    ['an instance by INST', archive(Buffer.from('(ios\nsystem\n')), 'operation 0x69'],
    ['an object by OBJ', archive(Buffer.from('(o')), 'operation 0x6f'],
    ['a registered extension', archive(Buffer.of(0x82, 1)), 'operation 0x82'],
    ['a persistent id as text', archive(Buffer.from('Pabc\n')), 'operation 0x50'],
    ['a call of what is no function', archive(Buffer.concat([text('x'), Buffer.from(')R')])), 'damaged pickle'],
    ['a storage called as a function', archive(call('torch FloatStorage')), 'damaged pickle'],
    ['an empty stack', archive(Buffer.alloc(0)), 'damaged pickle'],
    ['a mark that is missing', archive(Buffer.from('t')), 'damaged pickle'],
    ['a memory that is empty', archive(Buffer.from('h\x05')), 'damaged pickle'],
    ['no end', zip({ 'x/data.pkl': Buffer.of(0x80, 2, 0x7d) }), 'ends in the middle'],
    ['a text beyond the end', archive(Buffer.concat([Buffer.from('X'), u32(0xffffffff)])), 'ends in the middle'],
    ['a loop of pushes', archive(Buffer.alloc(200_000, 'N')), 'more than 100000 operations'],
    [
      'a tensor larger than its storage',
      archive(dict(text('<x>'), tensor(storage('FloatStorage', '0', 2), 1, [2], [1])), two),
      'larger than its numbers',
    ],
    [
      'a tensor that repeats a number for ever',
      archive(dict(text('<x>'), tensor(storage('FloatStorage', '0', 2), 0, [2 ** 30, 2], [0, 0])), two),
      'larger than its numbers',
    ],
    [
      'a negative offset',
      archive(dict(text('<x>'), tensor(storage('FloatStorage', '0', 2), -1, [2], [1])), two),
      'damaged pickle',
    ],
    [
      'three dimensions',
      archive(dict(text('<x>'), tensor(storage('FloatStorage', '0', 2), 0, [1, 1, 2], [2, 2, 1])), two),
      'more than two dimensions',
    ],
    ['numbers that are not there', archive(dict(text('<x>'), vector)), 'lacks the numbers of a tensor'],
    ['too few numbers', archive(dict(text('<x>'), vector), { 0: floats(1) }), 'lacks the numbers of a tensor'],
    [
      'a storage in another folder',
      archive(dict(text('<x>'), tensor(storage('FloatStorage', '../data.pkl', 2), 0, [2], [1])), two),
      'lacks the numbers',
    ],
    ['numbers that are infinite', archive(dict(text('<x>'), vector), { 0: floats(1, Infinity) }), 'not finite'],
    ['a key twice', archive(dict(text('<x>'), vector, text('<x>'), vector), two), 'a key twice'],
    ['a key that is a number', archive(dict(int(1), vector), two), 'a key that is no text'],
    ['no dictionary', archive(vector, two), 'holds no dictionary'],
    ['no tensor', archive(dict(text('<x>'), int(1))), 'holds no tensor'],
    ['two words', archive(dict(text('a'), vector, text('b'), vector), two), 'has 2 entries, must have one'],
    ['an empty word', archive(dict(text(' '), vector), two), 'has a word of 1 characters'],
    [
      'big endian',
      zip({ 'x/data.pkl': Buffer.concat([PROTO, Buffer.from('N.')]), 'x/byteorder': Buffer.from('big') }),
      'is not little endian',
    ],
    ['no pickle', zip({ 'x/version': Buffer.from('3') }), 'has no data.pkl'],
    [
      'the format before 1.6',
      Buffer.from('8002 8a0a 6cfc 9c46 f920 6aa8 5019 2e'.replaceAll(' ', ''), 'hex'),
      'is no ZIP archive',
    ],
    ['nothing', Buffer.alloc(0), 'is no ZIP archive'],
    ['a compressed entry', zip({ 'x/data.pkl': Buffer.from('N.') }, 8), 'compressed entry'],
    ['half an archive', golden.subarray(golden.length / 2), 'without a sound directory'],
  ])('%s', async (_name, bytes, complaint) => {
    expect(await refusal(bytes)).toContain(complaint)
  })

  test('any damage is refused in one line, or leaves an embedding', async () => {
    let state = 7
    const next = (limit: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      return Math.floor((state / 2 ** 32) * limit)
    }
    let refused = 0
    for (let round = 0; round < 150; round++) {
      const bytes = Buffer.from(round % 6 === 0 ? golden.subarray(0, next(golden.length)) : golden)
      for (let count = next(6); count >= 0 && bytes.length > 0; count--) bytes[next(bytes.length)] = next(256)
      try {
        expect((await read(bytes)).vectors.data.every(Number.isFinite)).toBe(true)
      } catch (error) {
        expect(error).toBeInstanceOf(ModelFileError)
        expect((error as Error).message).not.toContain('\n')
        refused++
      }
    }
    expect(refused).toBeGreaterThan(25)
  })
})
