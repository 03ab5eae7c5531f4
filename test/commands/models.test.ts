import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { packageRoot } from '../../src/base/packageRoot.js'
import { runCrynux, startCrynux } from '../helpers/crynuxProcess.js'
import { createModelHub, type Fault, type ModelHub, sha256 } from '../helpers/modelHub.js'
import { removeFolder } from '../helpers/modelPuller.js'
import { until } from '../helpers/until.js'

const WEIGHTS = randomBytes(3_000_000)
let hub: ModelHub
const folders: string[] = []
beforeAll(async () => {
  hub = await createModelHub()
  hub.publish('owner/name', { 'config.json': '{}', 'onnx/model.onnx': WEIGHTS })
})
afterAll(async () => {
  await hub.close()
  await Promise.all(folders.map(removeFolder))
})
let home: string
let environment: Record<string, string>
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'crynux-home-'))
  folders.push(home)
  // The tester's own hub settings must not reach the program.
  environment = { HOME: home, CRYNUX_DATA_DIR: home, HF_ENDPOINT: hub.origin, HF_TOKEN: 'hf_canary' }
  hub.requests.length = 0
})
const crynux = (...args: string[]) => runCrynux(args, { environment })
const root = () => join(home, 'models/models--owner--name')
const CDN = `/cdn/${sha256(WEIGHTS)}`

/** Sends a part, and nothing more for as long as the client waits. */
const hanging =
  (bytes: number): Fault =>
  (_request, response, content) => {
    response.writeHead(200, { etag: `"${sha256(content)}"`, 'content-length': content.length })
    response.write(content.subarray(0, bytes))
  }

describe('crynux models', () => {
  test('pull, list, verify, remove', async () => {
    const pulled = await crynux('models', 'pull', 'owner/name')
    expect(pulled).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^owner\/name at \w{8}: 2 files, 3 MB, 3 MB fetched\n/),
    })
    expect(pulled.stderr).toContain('owner/name … 2 files, 3 MB of 3 MB to fetch')
    const listed = JSON.parse((await crynux('models', 'list', '--json')).stdout)
    expect(listed).toMatchObject({ schema: 'crynux.models-list/v1', data: { quotaBytes: 200e9 } })
    expect(listed.data.models.at(-1)).toMatchObject({ model: 'owner/name', files: 2, managed: true, inUse: false })

    await writeFile(join(root(), 'blobs', sha256(WEIGHTS)), 'damaged')
    const verified = await crynux('models', 'verify')
    expect(verified.status).toBe(12)
    expect(verified.stdout).toContain('owner/name: 2 files, 9 B, 1 damaged\n  changed: onnx/model.onnx\n')
    expect(verified.stderr).toContain(
      "error: file onnx/model.onnx of model 'owner/name' is changed\n  Fetch it again: ",
    )

    expect(await crynux('models', 'remove', 'owner/name')).toMatchObject({ status: 0, stderr: '' })
    expect(await readdir(join(home, 'models'))).toEqual(['.locks'])
  })

  test('with --events every event is a JSON line, and the result the last one', async () => {
    const { status, stdout, stderr } = await crynux('models', 'pull', 'owner/name', '--json', '--events')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(new Set(lines.map(({ schema }) => schema))).toEqual(
      new Set(['crynux.models-pull-event/v1', 'crynux.models-pull/v1']),
    )
    expect(lines.at(-1)).toMatchObject({ data: { models: [{ model: 'owner/name', fetchedBytes: 3_000_002 }] } })
    expect(new Set(lines.slice(0, -1).map(({ data }) => data.event))).toEqual(new Set(['planned', 'progress', 'file']))
    expect(stdout).not.toContain('canary')
  })

  test('kill -9 in the middle: the next run goes on, and asks for the rest only', async () => {
    hub.fail(CDN, hanging(1_000_000))
    const first = startCrynux(['models', 'pull', 'owner/name'], { environment })
    const part = join(root(), 'blobs', `${sha256(WEIGHTS)}.crynux.incomplete`)
    await until(async () => ((await stat(part).catch(() => undefined))?.size ?? 0) === 1_000_000, {
      timeoutMs: 50_000,
      what: 'a part came',
    })
    first.process.kill('SIGKILL')
    await first.finished
    expect(await crynux('models', 'pull', 'owner/name')).toMatchObject({ status: 0 })
    expect(hub.requests.filter(({ path }) => path === CDN).map(({ range }) => range)).toEqual([
      undefined,
      'bytes=1000000-',
    ])
    expect(sha256(await readFile(join(root(), 'blobs', sha256(WEIGHTS))))).toBe(sha256(WEIGHTS))
  })

  test('of two processes one waits for the other; Ctrl-C ends with 130 and keeps what has come', async () => {
    hub.fail(CDN, hanging(1_000_000))
    const first = startCrynux(['models', 'pull', 'owner/name'], { environment })
    await until(() => hub.requests.some(({ path }) => path === CDN), {
      timeoutMs: 50_000,
      what: 'the first one fetches',
    })
    const second = startCrynux(['models', 'pull', 'owner/name'], { environment })
    await until(() => second.output().stderr.includes('another process fetches it; waiting'), {
      timeoutMs: 50_000,
      what: 'the second waits',
    })
    const removal = await crynux('models', 'remove', 'owner/name')
    expect(removal.status).toBe(12)
    first.process.kill('SIGINT')
    expect((await first.finished).status).toBe(130)
    expect((await second.finished).status).toBe(0)
    expect(sha256(await readFile(join(root(), 'blobs', sha256(WEIGHTS))))).toBe(sha256(WEIGHTS))
  })

  test.each<[string[], Record<string, string>, number, string]>([
    [['owner/unknown'], {}, 12, "error: model 'owner/unknown' does not exist on 127.0.0.1:"],
    [['owner/name'], { HF_HUB_OFFLINE: '1' }, 12, "error: model 'owner/name' is not on this machine"],
    [['owner/name'], { CRYNUX_MODEL_QUOTA: '1MB' }, 12, 'error: the model needs 3 MB, more than the quota of 1 MB'],
    [['https://169.254.169.254/latest?key=canary'], {}, 2, 'leads to 169.254.169.254'],
    [['owner/name', '--events'], {}, 2, '--events is given without --json'],
  ])('pull %j with %j ends with %d: %s', async (args, variables, expected, message) => {
    const ended = await runCrynux(['models', 'pull', ...args], { environment: { ...environment, ...variables } })
    expect(ended).toMatchObject({ status: expected, stdout: '' })
    expect(ended.stderr).toContain(message)
    expect(ended.stderr).not.toContain('canary')
    expect(ended.stderr.trimEnd().split('\n')).toHaveLength(2)
    expect((await readdir(join(home, 'models')).catch(() => [])).filter((name) => name !== '.locks')).toEqual([])
  })

  test('infer --pull fetches what the task names, and runs it; without --pull it says how', async () => {
    const folder = join(packageRoot, 'models/tiny-chat')
    const files: Record<string, Buffer> = {}
    for (const name of await readdir(folder, { recursive: true })) {
      if ((await stat(join(folder, name))).isFile()) files[name] = await readFile(join(folder, name))
    }
    hub.publish('owner/chat', files)
    const args = ['infer', '--message', 'What is 7 plus 5?', '--model', 'owner/chat', '--out', join(home, 'out')]
    const refused = await crynux(...args)
    expect(refused.status).toBe(12)
    expect(refused.stderr).toContain('Fetch it with `crynux models pull owner/chat`')
    expect(await crynux(...args, '--pull')).toMatchObject({ status: 0, stdout: expect.stringContaining('7 + 5 = 12.') })
  })
})
