import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { publicInternet } from '../../../src/models/download/networkRules.js'
import { createUrlOpener } from '../../../src/models/download/openUrl.js'
import { parseModelId, repositoryName } from '../../../src/models/modelId.js'
import type { PullOptions } from '../../../src/models/modelPuller.js'
import { createModelStore } from '../../../src/models/modelStore.js'
import { pullFromUrl } from '../../../src/models/url/pullFromUrl.js'
import { safeFileName } from '../../../src/models/url/safeFileName.js'
import { serve, sha256 } from '../../helpers/modelHub.js'
import { createSwiftClock, removeFolder } from '../../helpers/modelPuller.js'
import { makeSafetensors, makeZip, type ZipInput } from '../../helpers/zip.js'

let server: Server
let origin: string
let content: Buffer
let headers: Record<string, string>
/** Answers in its own way when it returns true. */
let special: (request: IncomingMessage, response: ServerResponse) => boolean
let ranges: (string | undefined)[] = []
beforeAll(async () => {
  server = createServer((request, response) => {
    ranges.push(request.headers.range)
    if (!special(request, response)) serve(request, response, content, headers)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
const folders: string[] = []
afterAll(async () => {
  server.close()
  await Promise.all(folders.map(removeFolder))
})
let cacheFolder: string
beforeEach(async () => {
  headers = {}
  special = () => false
  ranges = []
  cacheFolder = await mkdtemp(join(tmpdir(), 'crynux-urls-'))
  folders.push(cacheFolder)
})

const ID = 'https://model.example/api/download/77?token=hidden'

/** What `pull` does with a URL, but by http from this machine. */
async function pull(options: Partial<PullOptions> & { maximumUrlBytes?: number; offline?: boolean } = {}) {
  const { maximumUrlBytes = 1e8, offline = false, ...others } = options
  const { signal } = new AbortController()
  const parsed = parseModelId(ID)
  if (parsed?.kind !== 'url') throw new Error('the id is a URL')
  const model = { ...parsed, url: new URL(`${origin}/api/download/77?token=hidden`) }
  const opener = createUrlOpener({
    rules: { ...publicInternet, allowsAddress: (address) => address === '127.0.0.1', protocols: ['http:'] },
    answerTimeoutMs: 20_000,
  })
  const context = {
    cacheFolder,
    quotaBytes: undefined,
    hub: { endpoint: new URL(origin), token: undefined, offline },
    clock: createSwiftClock(),
    jobs: 4,
    opener,
    signal,
    stallTimeoutMs: 20_000,
    attempts: 3,
    maximumUrlBytes,
    repository: repositoryName(parsed) ?? '',
    options: { signal, ...others },
    emit: () => {},
  }
  try {
    return await pullFromUrl(context, model)
  } finally {
    opener.close()
  }
}

const LORA = makeSafetensors({ 'unet.to_q.lora_A.weight': [400, 320], 'unet.to_q.lora_B.weight': [320, 4] })
const EMBEDDING = makeSafetensors({ '<thing>': [4, 768] })
const CHECKPOINT = makeSafetensors({ 'model.diffusion_model.input_blocks.0.0.weight': [320, 4, 3, 3] })
const UNET = makeSafetensors({ 'conv_in.weight': [320, 4, 3, 3] })

describe('a URL of an adapter', () => {
  test.each([
    ['a LoRA', LORA],
    ['an embedding', EMBEDDING],
  ])('%s is fetched once, under a name that is harmless', async (_name, file) => {
    content = file
    headers = { 'content-disposition': 'attachment; filename="../../etc/My style.v2.safetensors"' }
    const report = await pull()
    expect(report.files).toEqual([{ path: 'My style_v2.safetensors', bytes: file.length, fetched: true }])
    expect(sha256(await readFile(join(report.folder ?? '', 'My style_v2.safetensors')))).toBe(sha256(file))
    const store = createModelStore({ modelRoots: [], cacheFolder })
    expect(await store.modelFolder(ID)).toBe(report.folder)
    await store.close()
    const asked = ranges.length
    expect(await pull()).toMatchObject({ fetchedBytes: 0, commit: report.commit })
    expect(ranges.length).toBe(asked)
    expect(JSON.stringify(report)).not.toContain('hidden')
  })

  test('an interrupted one goes on by If-Range', async () => {
    content = LORA
    let broken = 0
    special = (request, response) => {
      if (request.headers.range || broken++ > 0) return false
      response.writeHead(200, { etag: `"${sha256(content)}"`, 'content-length': content.length })
      response.write(content.subarray(0, 100_000), () => response.destroy())
      return true
    }
    const report = await pull()
    expect(sha256(await readFile(join(report.folder ?? '', '77.safetensors')))).toBe(sha256(LORA))
    expect(ranges.at(-1)).toMatch(/^bytes=\d{2,}-$/)
  })

  test('one that changes in between is fetched anew', async () => {
    content = LORA
    let broken = 0
    special = (request, response) => {
      if (request.headers.range || broken++ > 0) return false
      response.writeHead(200, { etag: '"older"', 'content-length': content.length })
      response.write(Buffer.alloc(100_000, 9), () => response.destroy())
      return true
    }
    const report = await pull()
    expect(sha256(await readFile(join(report.folder ?? '', '77.safetensors')))).toBe(sha256(LORA))
  })

  test.each<[string, () => Buffer, string, RegExp]>([
    ['a checkpoint', () => CHECKPOINT, 'CRYNUX_MODEL_FORMAT', /only as safetensors \(a single-file checkpoint\)/],
    ['a part of a model', () => UNET, 'CRYNUX_MODEL_FORMAT', /only as safetensors \(a part of a model\)/],
    [
      'a pickle',
      () => Buffer.concat([Buffer.from([0x80, 2, 0x7d]), randomBytes(9000)]),
      'CRYNUX_MODEL_FORMAT',
      /neither/,
    ],
    ['a page', () => Buffer.from('<!doctype html><p>Sign in'), 'CRYNUX_MODEL_FORMAT', /neither/],
    ['tensors beyond the end', () => LORA.subarray(0, LORA.length - 1), 'CRYNUX_MODEL_FORMAT', /is none/],
    [
      'a header that is no JSON',
      () => Buffer.concat([Buffer.from([9, 0, 0, 0, 0, 0, 0, 0]), Buffer.alloc(99, 65)]),
      'CRYNUX_MODEL_FORMAT',
      /is none/,
    ],
    [
      'too large',
      () => Buffer.concat([LORA, Buffer.alloc(1_000_000)]),
      'CRYNUX_MODEL_DOWNLOAD',
      /more than the 1 MB of a URL/,
    ],
  ])('%s is refused before it is fetched', async (_name, make, code, message) => {
    content = make()
    const error = await pull({ maximumUrlBytes: 1_000_000 }).catch((reason) => reason)
    expect(error).toMatchObject({ code, exitCode: 12, message: expect.stringMatching(message) })
    expect(`${error.message} ${error.remedy}`).not.toContain('hidden')
    expect(ranges.filter((range) => range === undefined)).toEqual([])
    expect(await readdir(cacheFolder)).toEqual([])
  })

  test('no size, 403, offline', async () => {
    content = LORA
    special = (_request, response) => response.writeHead(200).end(LORA) && true
    await expect(pull()).rejects.toThrow('without its size')
    special = (_request, response) => response.writeHead(403).end() && true
    await expect(pull()).rejects.toMatchObject({ exitCode: 12, remedy: 'The file may need a key in the URL.' })
    await expect(pull({ offline: true })).rejects.toMatchObject({ code: 'CRYNUX_MODEL_UNAVAILABLE' })
  })
})

describe('a URL of an archive', () => {
  const GRAPH = randomBytes(50_000)
  const GOOD: ZipInput[] = [
    { name: 'my-model/model_index.json', content: Buffer.from('{}') },
    { name: 'my-model/unet/model.onnx', content: GRAPH, stored: true },
    { name: 'my-model/vae_decoder/model.onnx', content: Buffer.alloc(5000, 3) },
    { name: 'my-model/unet/weights.ckpt', content: Buffer.from('not wanted') },
    { name: 'my-model/run.sh', content: Buffer.from('echo no') },
  ]

  test('what pipelines read is unpacked, and the archive removed', async () => {
    content = makeZip(GOOD)
    const report = await pull()
    expect(report.files.map(({ path }) => path).sort()).toEqual([
      'model_index.json',
      'unet/model.onnx',
      'vae_decoder/model.onnx',
    ])
    expect(sha256(await readFile(join(report.folder ?? '', 'unet/model.onnx')))).toBe(sha256(GRAPH))
    const [repository = ''] = (await readdir(cacheFolder)).filter((name) => name.startsWith('urls--model.example--'))
    expect((await readdir(join(cacheFolder, repository, 'blobs'))).length).toBe(3)
  })

  const bad = (name: string, says: ZipInput['says'] = {}, file = Buffer.alloc(100, 1)): ZipInput[] => [
    ...GOOD,
    { name, content: file, says },
  ]
  test.each<[string, ZipInput[], RegExp]>([
    ['a name that climbs', bad('my-model/../../evil.onnx'), /leads elsewhere/],
    ['an absolute name', bad('/etc/evil.onnx'), /leads elsewhere/],
    ['a backslash', bad('my-model\\..\\evil.onnx'), /leads elsewhere/],
    ['a link', bad('my-model/link.json', { unixMode: 0o120777 }), /has a link/],
    ['an encrypted file', bad('my-model/x.json', { flags: 1 }), /is encrypted/],
    ['another compression', bad('my-model/x.json', { method: 14 }), /another way/],
    ['a file twice', bad('my-model/UNET/model.onnx'), /twice/],
    ['a wrong checksum', bad('my-model/x.json', { crc32: 1 }), /damaged/],
    ['more than it says', bad('my-model/x.json', { bytes: 10 }), /more than it says/],
    ['a bomb', bad('my-model/text_encoder/model.onnx', {}, Buffer.alloc(30_000_000)), /times its size/],
    ['no model', [{ name: 'a/config.json', content: Buffer.from('{}') }], /no weights in ONNX form/],
  ])('with %s is refused, and leaves nothing to use', async (_name, files, message) => {
    content = makeZip(files)
    const error = await pull().catch((reason) => reason)
    expect(error).toMatchObject({ code: 'CRYNUX_MODEL_FORMAT', message: expect.stringMatching(message) })
    const store = createModelStore({ modelRoots: [], cacheFolder })
    await expect(store.modelFolder(ID)).rejects.toMatchObject({ code: 'CRYNUX_MODEL_UNAVAILABLE' })
    expect(await readdir(cacheFolder)).toEqual(['.locks'])
  })

  test('cut off in the middle of its directory', async () => {
    content = makeZip(GOOD).subarray(0, -40)
    await expect(pull()).rejects.toThrow(/is damaged, or no zip archive/)
  })
})

test.each([
  ['attachment; filename="a b.safetensors"', 'a b.safetensors'],
  ["attachment; filename*=UTF-8''%2e%2e%2fnaïve%00.safetensors", 'naïve.safetensors'],
  ['attachment; filename=..', 'model.safetensors'],
  ['attachment; filename="CON.safetensors"', 'model.safetensors'],
  ['attachment; filename="C:\\\\Users\\\\x.ckpt"', 'x.safetensors'],
  ['attachment; filename=".bashrc"', 'model.safetensors'],
  [undefined, 'style_v2.safetensors'],
])('a server that proposes %j gets %s', (disposition, expected) => {
  expect(safeFileName(disposition, new URL('https://x.example/files/style_v2.safetensors?x=1'), '.safetensors')).toBe(
    expected,
  )
})
