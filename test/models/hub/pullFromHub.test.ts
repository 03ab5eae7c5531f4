import { randomBytes } from 'node:crypto'
import { lstat, mkdir, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createModelStore } from '../../../src/models/modelStore.js'
import { createModelHub, type Fault, gitHash, type ModelHub, serve, sha256 } from '../../helpers/modelHub.js'
import { createTestPuller, removeFolder, type TestPuller } from '../../helpers/modelPuller.js'
import { until } from '../../helpers/until.js'

const WEIGHTS = randomBytes(600_000)
const CONFIG = Buffer.from('{"in_channels": 4}')
const FILES = {
  'model_index.json': '{}',
  'unet/config.json': CONFIG,
  'unet/model.onnx': WEIGHTS,
  'vae_decoder/model.onnx': randomBytes(5000),
  'README.md': '# read me',
  'unet/diffusion_pytorch_model.bin': randomBytes(9000),
  'unet/diffusion_pytorch_model.safetensors': randomBytes(9000),
}

let hub: ModelHub
let commit: string
beforeAll(async () => {
  hub = await createModelHub()
  commit = hub.publish('owner/name', FILES)
})
afterAll(() => hub.close())

const folders: string[] = []
afterAll(() => Promise.all(folders.map(removeFolder)))
let puller: TestPuller
beforeEach(async () => {
  puller = await newPuller()
  hub.requests.length = 0
})
async function newPuller(options: Parameters<typeof createTestPuller>[1] = {}): Promise<TestPuller> {
  const created = await createTestPuller(hub.origin, options)
  folders.push(created.cacheFolder)
  return created
}

const cdnRequests = () => hub.requests.filter(({ path }) => path.startsWith('/cdn/'))
const CDN = `/cdn/${sha256(WEIGHTS)}`
const blobOf = ({ cacheFolder }: TestPuller) => join(cacheFolder, 'models--owner--name/blobs', sha256(WEIGHTS))

/** Sends some bytes of what was promised and then breaks the connection. */
const truncated =
  (bytes: number): Fault =>
  (_request, response, content) => {
    response.writeHead(200, { etag: `"${sha256(content)}"`, 'content-length': content.length })
    response.write(content.subarray(0, bytes), () => response.destroy())
  }
const status =
  (code: number, headers: Record<string, string> = {}): Fault =>
  (_request, response) => {
    response.writeHead(code, headers).end()
  }
const redirect = (location: string): Fault => status(302, { location })

describe('a pull from the hub', () => {
  test('fetches what pipelines read, in the layout of huggingface_hub', async () => {
    const report = await puller.pull('owner/name')
    const root = join(puller.cacheFolder, 'models--owner--name')
    expect(report).toMatchObject({ commit, folder: join(root, 'snapshots', commit), removed: [], dryRun: false })
    expect(report.files.map(({ path }) => path).sort()).toEqual([
      'model_index.json',
      'unet/config.json',
      'unet/model.onnx',
      'vae_decoder/model.onnx',
    ])
    expect(await readlink(join(root, 'snapshots', commit, 'unet/model.onnx'))).toBe(`../../../blobs/${sha256(WEIGHTS)}`)
    expect(await readlink(join(root, 'snapshots', commit, 'unet/config.json'))).toBe(
      `../../../blobs/${gitHash(CONFIG)}`,
    )
    expect(sha256(await readFile(join(root, 'snapshots', commit, 'unet/model.onnx')))).toBe(sha256(WEIGHTS))
    expect(await readFile(join(root, 'refs/main'), 'utf8')).toBe(commit)
    expect((await readdir(join(root, 'blobs'))).filter((name) => name.includes('incomplete'))).toEqual([])
    const store = createModelStore({ modelRoots: [], cacheFolder: puller.cacheFolder })
    expect(await store.modelFolder('owner/name')).toBe(report.folder)
    await store.close()
  })

  test('a second pull fetches nothing, and a dry run writes nothing', async () => {
    const planned = await puller.pull('owner/name', { dryRun: true })
    expect(planned).toMatchObject({ folder: null, dryRun: true })
    expect(planned.fetchedBytes).toBe(planned.bytes)
    expect(await readdir(puller.cacheFolder)).toEqual([])
    await puller.pull('owner/name')
    hub.requests.length = 0
    expect(await puller.pull('owner/name')).toMatchObject({ fetchedBytes: 0 })
    expect(hub.requests.map(({ path }) => path)).toEqual(['/api/models/owner/name/revision/main'])
  })

  test('a cache that huggingface_hub filled is used as it is', async () => {
    const root = join(puller.cacheFolder, 'models--owner--name')
    for (const folder of ['blobs', 'refs', `snapshots/${commit}/unet`])
      await mkdir(join(root, folder), { recursive: true })
    await writeFile(join(root, 'refs/main'), commit)
    for (const [path, content] of Object.entries(FILES).slice(0, 4)) {
      const blob = content.length >= 4096 ? sha256(content) : gitHash(Buffer.from(content))
      await writeFile(join(root, 'blobs', blob), content)
      if (path === 'unet/model.onnx') await symlink(`../../../blobs/${blob}`, join(root, 'snapshots', commit, path))
    }
    const store = createModelStore({ modelRoots: [], cacheFolder: puller.cacheFolder })
    expect(await store.modelFolder('owner/name')).toBe(join(root, 'snapshots', commit))
    await store.close()
    expect(await puller.pull('owner/name')).toMatchObject({ fetchedBytes: 0 })
  })

  test.each<[string, Fault[]]>([
    ['the connection breaks twice', [truncated(100_000), truncated(50_000)]],
    ['the server is overloaded', [status(503), status(500), status(429, { 'retry-after': '7' }), status(408)]],
    [
      'it has less than it says, in a whole answer',
      [(_request, response, content) => void response.writeHead(200).end(content.subarray(0, 1000))],
    ],
    [
      'the content is another one, once',
      [(_request, response, content) => void response.writeHead(200).end(Buffer.alloc(content.length, 7))],
    ],
    [
      'ranges are ignored',
      [truncated(200_000), (_request, response, content) => void response.writeHead(200).end(content)],
    ],
    [
      'another range than asked for comes',
      [
        truncated(200_000),
        (_request, response, content) => {
          const headers = { 'content-range': `bytes 0-99/${content.length}`, 'content-length': '100' }
          response.writeHead(206, headers).end(content.subarray(0, 100))
        },
      ],
    ],
    ['a range is refused', [truncated(200_000), status(416)]],
    [
      'the file has a new tag, so that If-Range fails',
      [
        truncated(200_000),
        (request, response, content) => {
          request.headers['if-range'] = '"another"'
          serve(request, response, content)
        },
      ],
    ],
  ])('succeeds although %s', async (_name, faults) => {
    hub.fail(CDN, ...faults)
    await puller.pull('owner/name')
    expect(sha256(await readFile(blobOf(puller)))).toBe(sha256(WEIGHTS))
    expect(puller.pauses).toHaveLength(
      faults.length - Number(_name === 'ranges are ignored' || _name.startsWith('the file has')),
    )
    if (_name === 'the server is overloaded') expect(puller.pauses[2]).toBe(7000)
  })

  test('goes on where it stopped, by Range and If-Range', async () => {
    hub.fail(CDN, truncated(200_000))
    await puller.pull('owner/name')
    const [first, second] = cdnRequests().filter(({ path }) => path === CDN)
    expect(first?.range).toBeUndefined()
    expect(Number(/^bytes=(\d+)-$/.exec(second?.range ?? '')?.[1])).toBeGreaterThan(0)
  })

  test('a silent server is given up, and tried again', async () => {
    puller = await newPuller({ stallTimeoutMs: 100, attempts: 1000 })
    const open: ServerResponse[] = []
    hub.fail(CDN, (_request, response, content) => {
      open.push(response)
      response.writeHead(200, { 'content-length': content.length }).write(content.subarray(0, 10))
    })
    await puller.pull('owner/name')
    expect(open).toHaveLength(1)
    expect(sha256(await readFile(blobOf(puller)))).toBe(sha256(WEIGHTS))
  })

  test.each<[string, Fault, string, RegExp]>([
    [
      'always another content',
      (_request, response, content) => void response.writeHead(200).end(Buffer.alloc(content.length)),
      'CRYNUX_MODEL_DOWNLOAD',
      /another content than it must have/,
    ],
    [
      'another size',
      (_request, response) => void response.writeHead(200, { 'content-length': 700_000 }).end(Buffer.alloc(700_000)),
      'CRYNUX_MODEL_DOWNLOAD',
      /has 700000 bytes there, but must have 600000/,
    ],
    [
      'endless bytes without a length',
      (_request, response, content) => {
        response.writeHead(200)
        response.write(content)
        response.end('more')
      },
      'CRYNUX_MODEL_DOWNLOAD',
      /goes on after the 600000 bytes/,
    ],
    ['403', status(403), 'CRYNUX_MODEL_DOWNLOAD', /not open to everybody/],
    ['404', status(404), 'CRYNUX_MODEL_DOWNLOAD', /does not exist/],
    ['500 for ever', status(500), 'CRYNUX_MODEL_DOWNLOAD_INTERRUPTED', /answers with status 500/],
    ['a redirect to itself', redirect(CDN), 'CRYNUX_UNSAFE_URL', /redirected more than 5 times/],
    ['a redirect to http elsewhere', redirect('http://example.com/x'), 'CRYNUX_UNSAFE_URL', /only https: is allowed/],
    ['a redirect to a private address', redirect('https://10.0.0.1/x'), 'CRYNUX_UNSAFE_URL', /leads to 10\.0\.0\.1/],
    [
      'a compressed body',
      (_request, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
      'CRYNUX_MODEL_DOWNLOAD',
      /gzip-encoded/,
    ],
  ])('%s is an error, and leaves no model and no wrong bytes', async (_name, fault, code, message) => {
    hub.fail(CDN, ...Array.from({ length: 10 }, () => fault))
    const error = await puller.pull('owner/name').catch((reason) => reason)
    hub.clearFaults()
    expect(error).toMatchObject({ code, message: expect.stringMatching(message), remedy: expect.any(String) })
    const root = join(puller.cacheFolder, 'models--owner--name')
    // What was only interrupted is kept for the next time.
    expect(await readdir(root).catch(() => [])).toEqual(error.exitCode === 75 ? ['blobs'] : [])
    if (error.exitCode !== 75) return
    const large = (await readdir(join(root, 'blobs'))).filter((name) => name.startsWith(sha256(WEIGHTS)))
    expect(large.filter((name) => !name.includes('incomplete'))).toEqual([])
    for (const name of large) expect((await lstat(join(root, 'blobs', name))).size).toBeLessThanOrEqual(WEIGHTS.length)
  })

  test('a server that disappears and returns is waited for', async () => {
    puller = await newPuller({ attempts: 1000 })
    hub.fail(CDN, (_request, response, content) => {
      response.writeHead(200, { 'content-length': content.length, etag: `"${sha256(content)}"` })
      response.write(content.subarray(0, 100_000), () => void hub.disappear())
    })
    let retries = 0
    const pulling = puller.pull('owner/name', {
      onEvent: ({ event }) => {
        if (event === 'retry') retries++
      },
    })
    await until(() => retries > 2, { what: 'connections are refused' })
    await hub.comeBack()
    await pulling
    expect(sha256(await readFile(blobOf(puller)))).toBe(sha256(WEIGHTS))
  })

  test.each([
    ['owner/unknown', {}, /does not exist on 127\.0\.0\.1:\d+, or is private/],
    ['owner/name', { revision: 'v9' }, /has no revision 'v9'/],
    ['owner/name', { variant: 'fp16' }, /has no variant 'fp16'/],
    ['owner/name', { file: 'x.safetensors' }, /has no file 'x\.safetensors'/],
    ['../x', {}, /is not a model id/],
    ['owner/a--b', {}, /is not a model id/],
    ['embedded:tiny-chat', {}, /is part of the program/],
  ])('%s %j is refused in one line, and nothing is left behind', async (id, options, message) => {
    await expect(puller.pull(id, options)).rejects.toThrow(message)
    expect((await readdir(puller.cacheFolder)).filter((name) => name !== '.locks')).toEqual([])
  })

  test('the token goes to the hub and to nobody else, and is in no error', async () => {
    const others: (string | undefined)[] = []
    const other = createServer((request, response) => {
      others.push(request.headers.authorization)
      serve(request, response, WEIGHTS)
    })
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    const rules = {
      resolve: async () => [],
      allowsAddress: (address: string) => address === '127.0.0.1',
      protocols: ['http:'],
    }
    puller = await newPuller({ token: 'hf_secret', rules })
    hub.fail('unet/model.onnx', redirect(`http://127.0.0.1:${port}/x`))
    await puller.pull('owner/name')
    expect(others).toEqual([undefined])
    expect(new Set(hub.requests.map(({ authorization }) => authorization))).toEqual(new Set(['Bearer hf_secret']))
    const error = await puller.pull('owner/unknown').catch((reason) => reason)
    expect(JSON.stringify([error.message, error.remedy, error.details])).not.toContain('secret')
    other.close()
  })

  test('offline, only what is there can be had', async () => {
    const offline = await newPuller({ cacheFolder: puller.cacheFolder, offline: true })
    await expect(offline.pull('owner/name')).rejects.toMatchObject({ code: 'CRYNUX_MODEL_UNAVAILABLE', exitCode: 12 })
    await puller.pull('owner/name')
    hub.requests.length = 0
    expect(await offline.pull('owner/name')).toMatchObject({ fetchedBytes: 0, commit })
    expect(hub.requests).toEqual([])
  })

  test('two that pull at the same time fetch once', async () => {
    const second = await newPuller({ cacheFolder: puller.cacheFolder })
    const reports = await Promise.all([puller.pull('owner/name'), second.pull('owner/name')])
    expect(reports.map(({ fetchedBytes }) => fetchedBytes === 0).sort()).toEqual([false, true])
    expect(cdnRequests().filter(({ path }) => path === CDN)).toHaveLength(1)
  })

  test('a new version replaces only what changed', async () => {
    const before = hub.publish('owner/moving', { 'onnx/model.onnx': WEIGHTS, 'config.json': '{"a": 1}' })
    await puller.pull('owner/moving')
    hub.publish('owner/moving', { 'onnx/model.onnx': WEIGHTS, 'config.json': '{"a": 2}' })
    const report = await puller.pull('owner/moving')
    expect(report.commit).not.toBe(before)
    expect(report.fetchedBytes).toBe(8)
    const store = createModelStore({ modelRoots: [], cacheFolder: puller.cacheFolder })
    expect(await store.modelFolder('owner/moving')).toBe(report.folder)
    await store.close()
  })

  test('a disk that is full is said, and the partial file given back', async () => {
    const blobs = join(puller.cacheFolder, 'models--owner--name/blobs')
    await mkdir(blobs, { recursive: true })
    const part = join(blobs, `${sha256(WEIGHTS)}.crynux.incomplete`)
    await symlink('/dev/full', part)
    await expect(puller.pull('owner/name')).rejects.toMatchObject({
      code: 'CRYNUX_NO_ROOM_FOR_MODEL',
      exitCode: 12,
      message: 'file unet/model.onnx does not fit on the disk',
    })
    expect(await lstat(part).catch(() => 'gone')).toBe('gone')
  })
})
