import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.js'
import { lockFile } from '../../../src/base/fileLock.js'
import { repositoryPaths } from '../../../src/models/cache/cachePaths.js'
import { findCached, isBusy } from '../../../src/models/cache/readCache.js'
import { isUsed, markUsed, pullLock, whileUnused } from '../../../src/models/cache/useMarks.js'
import { writeSnapshot } from '../../../src/models/cache/writeSnapshot.js'
import { listModels } from '../../../src/models/listModels.js'
import { createModelStore } from '../../../src/models/modelStore.js'
import { removeModels } from '../../../src/models/removeModels.js'
import { requireSound, verifyModels } from '../../../src/models/verifyModels.js'
import { createModelHub, type ModelHub } from '../../helpers/modelHub.js'
import { createTestPuller, removeFolder } from '../../helpers/modelPuller.js'

let hub: ModelHub
const folders: string[] = []
beforeAll(async () => {
  hub = await createModelHub()
  for (const [index, name] of ['first', 'second', 'third', 'fourth'].entries()) {
    hub.publish(`owner/${name}`, { 'config.json': '{}', 'onnx/model.onnx': Buffer.alloc(100_000, index) })
  }
})
afterAll(async () => {
  await hub.close()
  await Promise.all(folders.map(removeFolder))
})
let cacheFolder: string
beforeEach(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'crynux-cache-'))
  folders.push(cacheFolder)
})

const { signal } = new AbortController()
const open = (quotaBytes?: number, freeBytes?: () => Promise<number>) =>
  createTestPuller(hub.origin, { cacheFolder, quotaBytes, freeBytes })
const present = async () =>
  (await readdir(cacheFolder)).filter((name) => name.startsWith('models--owner--')).map((name) => name.slice(15))
/** Says when a model was last used, as seconds since 1970. */
const usedAt = (name: string, seconds: number) =>
  utimes(join(cacheFolder, `models--owner--${name}`, '.crynux-used'), seconds, seconds)

describe('the quota', () => {
  test('the least recently used give way, but none that is pinned, in use, or of another program', async () => {
    const unlimited = await open()
    for (const name of ['first', 'second', 'third']) await unlimited.pull(`owner/${name}`)
    await usedAt('first', 300)
    await usedAt('second', 100)
    await usedAt('third', 200)
    const puller = await open(320_000)
    expect(await puller.pull('owner/fourth', { dryRun: true })).toMatchObject({ removed: [{ id: 'owner/second' }] })
    expect(await present()).toEqual(['first', 'second', 'third'])
    expect(await puller.pull('owner/fourth')).toMatchObject({ removed: [{ id: 'owner/second' }] })
    expect(await present()).toEqual(['first', 'fourth', 'third'])

    // Now "third" is the oldest, but somebody uses it; "first" comes next, and is pinned.
    const store = createModelStore({ modelRoots: [], cacheFolder })
    await store.modelFolder('owner/third')
    await usedAt('third', 200)
    await puller.pull('owner/first', { pin: true })
    await usedAt('first', 250)
    expect(await puller.pull('owner/second')).toMatchObject({ removed: [{ id: 'owner/fourth' }] })
    expect(await present()).toEqual(['first', 'second', 'third'])
    await store.close()
  })

  test('when that is not enough nothing is removed', async () => {
    const unlimited = await open()
    await unlimited.pull('owner/first')
    await unlimited.pull('owner/second', { pin: true })
    const puller = await open(220_000)
    await expect((await open(90_000)).pull('owner/third')).rejects.toMatchObject({
      code: 'CRYNUX_NO_ROOM_FOR_MODEL',
      exitCode: 12,
    })
    const store = createModelStore({ modelRoots: [], cacheFolder })
    await store.modelFolder('owner/first')
    await expect(puller.pull('owner/third')).rejects.toThrow(/belong to models in use, or pinned/)
    await store.close()
    expect(await present()).toEqual(['first', 'second'])
    await puller.pull('owner/third')
    expect(await present()).toEqual(['second', 'third'])
  })

  test('what another program put there is neither counted nor removed', async () => {
    await (await open()).pull('owner/first')
    await removeFolder(join(cacheFolder, 'models--owner--first/.crynux.json'))
    await (await open(120_000)).pull('owner/second')
    expect(await present()).toEqual(['first', 'second'])
    // Also when crynux makes use of it.
    await (await open()).pull('owner/first')
    await removeFolder(join(cacheFolder, 'models--owner--second'))
    await (await open(120_000)).pull('owner/third')
    expect(await present()).toEqual(['first', 'third'])
  })

  test('two at once do not take the same room', async () => {
    const puller = await open(150_000)
    const results = await Promise.allSettled([puller.pull('owner/first'), puller.pull('owner/second')])
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  })

  test('the disk keeps a reserve', async () => {
    const puller = await open(undefined, async () => 100_000)
    await expect(puller.pull('owner/first')).rejects.toThrow(/needs 100 kB, and the disk has 100 kB free/)
    expect(await present()).toEqual([])
  })
})

describe('models in use', () => {
  test('are not removed, until they are released', async () => {
    await (await open()).pull('owner/first')
    const store = createModelStore({ modelRoots: [], cacheFolder })
    await store.modelFolder('owner/first')
    await expect(removeModels(cacheFolder, ['owner/first'], { force: false })).rejects.toMatchObject({
      code: 'CRYNUX_MODEL_IN_USE',
      exitCode: 75,
    })
    await store.close()
    expect(await removeModels(cacheFolder, ['owner/first'], { force: false })).toEqual([
      { model: 'owner/first', bytes: expect.any(Number) },
    ])
    await expect(store.modelFolder('owner/first')).rejects.toMatchObject({
      code: 'CRYNUX_MODEL_UNAVAILABLE',
      remedy: expect.stringContaining('`crynux models pull owner/first`'),
    })
    expect(await readdir(join(cacheFolder, '.locks/crynux/trash'))).toEqual([])
  })

  test('with force they are', async () => {
    await (await open()).pull('owner/first')
    const mark = await markUsed(cacheFolder, 'models--owner--first', systemClock)
    await removeModels(cacheFolder, ['owner/first'], { force: true })
    await mark?.release()
    expect(await present()).toEqual([])
  })

  test('who begins to use a model while it is removed waits for the end of that', async () => {
    const repository = 'models--owner--first'
    const order: string[] = []
    let finish: () => void = () => {}
    const finished = new Promise<void>((resolve) => {
      finish = resolve
    })
    let begun: () => void = () => {}
    const removalBegan = new Promise<void>((resolve) => {
      begun = resolve
    })
    const removal = whileUnused(cacheFolder, repository, async () => {
      begun()
      await finished
      order.push('removed')
    })
    await removalBegan
    // The removal ends when the user is seen to wait.
    const clock = { now: systemClock.now, sleep: async (ms: number) => finish() ?? systemClock.sleep(ms) }
    const mark = await markUsed(cacheFolder, repository, clock)
    order.push('used')
    finish()
    expect(await removal).toBe(true)
    expect(order).toEqual(['removed', 'used'])
    expect(await isBusy(cacheFolder, repository)).toBe(true)
    await mark?.release()
    expect(await isBusy(cacheFolder, repository)).toBe(false)
    const lock = await lockFile(pullLock(cacheFolder, repository))
    expect(await isBusy(cacheFolder, repository)).toBe(true)
    await lock?.release()
  })

  test('the mark of a process that is gone does not count', async () => {
    await (await open()).pull('owner/first')
    const mark = await markUsed(cacheFolder, 'models--owner--first', systemClock)
    const users = join(cacheFolder, '.locks/crynux/models--owner--first.users')
    expect(await isUsed(cacheFolder, 'models--owner--first')).toBe(true)
    await mark?.release()
    // This process's id with another time of start: an id that was given away again.
    await writeFile(join(users, `${process.pid}.1.00`), '')
    await writeFile(join(users, '999999999.1.00'), '')
    expect(await isUsed(cacheFolder, 'models--owner--first')).toBe(process.platform !== 'linux')
    if (process.platform === 'linux') expect(await readdir(users)).toEqual([])
  })
})

describe('verify', () => {
  test('names damaged and missing files; a pull with check repairs them', async () => {
    const puller = await open()
    const { folder } = await puller.pull('owner/first')
    await puller.pull('owner/second')
    const path = join(folder ?? '', 'onnx/model.onnx')
    const content = await readFile(path)
    content.fill(255, 50_000, 50_001)
    await writeFile(path, content)
    const verified = await verifyModels(cacheFolder, [], { signal })
    expect(verified.map(({ id, checked, damaged }) => ({ id, checked, damaged }))).toEqual([
      { id: 'owner/first', checked: 2, damaged: [{ path: 'onnx/model.onnx', damage: 'changed' }] },
      { id: 'owner/second', checked: 2, damaged: [] },
    ])
    expect(() => requireSound(verified)).toThrow("file onnx/model.onnx of model 'owner/first' is changed")
    expect(await puller.pull('owner/first')).toMatchObject({ fetchedBytes: 0 })
    expect(await puller.pull('owner/first', { check: true })).toMatchObject({ fetchedBytes: 100_000 })
    expect(requireSound(await verifyModels(cacheFolder, ['owner/first'], { signal }))).toBeUndefined()
    const [blob = ''] = await readdir(join(cacheFolder, 'models--owner--first/blobs'))
    await removeFolder(join(cacheFolder, 'models--owner--first/blobs', blob))
    expect((await verifyModels(cacheFolder, ['models--owner--first'], { signal }))[0]?.damaged).toMatchObject([
      { damage: 'missing' },
    ])
  })

  test.each([
    ['owner/unknown', 'CRYNUX_MODEL_UNAVAILABLE'],
    ['embedded:tiny-chat', 'CRYNUX_INVALID_INPUT'],
    ['../x', 'CRYNUX_INVALID_INPUT'],
  ])('%s is refused', async (name, code) => {
    await expect(verifyModels(cacheFolder, [name], { signal })).rejects.toMatchObject({ code })
    await expect(removeModels(cacheFolder, [name], { force: true })).rejects.toMatchObject({ code })
  })
})

describe('half a model is no model: without its safety checker, say, it gives other pictures', () => {
  test('while another program fetches it', async () => {
    const puller = await open()
    await puller.pull('owner/first')
    const repository = join(cacheFolder, 'models--owner--first')
    await rm(join(repository, '.crynux.json'))
    const folder = () => createModelStore({ modelRoots: [], cacheFolder }).modelFolder('owner/first')
    expect(await folder()).toMatch(/snapshots/)
    await writeFile(join(repository, 'blobs/0123.incomplete'), '')
    await expect(folder()).rejects.toMatchObject({ code: 'CRYNUX_MODEL_UNAVAILABLE' })
    // A pull makes sure of it.
    await puller.pull('owner/first')
    expect(await folder()).toMatch(/snapshots/)
  })

  test('when a snapshot cannot be written to its end', async () => {
    const paths = repositoryPaths(cacheFolder, 'models--owner--broken')
    await mkdir(paths.blobs, { recursive: true })
    await writeFile(join(paths.blobs, 'b'), '')
    const files = ['a', 'a/b'].map((path) => ({ path, blob: 'b' }))
    await expect(writeSnapshot(paths, 'c'.repeat(40), files)).rejects.toThrow()
    expect(await findCached(cacheFolder, 'models--owner--broken')).toBeUndefined()
    await writeSnapshot(paths, 'c'.repeat(40), files.slice(0, 1))
    expect((await readdir(paths.root)).sort()).toEqual(['blobs', 'snapshots'])
  })
})

test('the list has embedded models, those of roots, and the cache', async () => {
  await (await open()).pull('owner/first', { pin: true })
  const { folder } = await (await open()).pull('owner/second')
  const list = await listModels({ modelRoots: [join(folder ?? '', '..')], cacheFolder, quotaBytes: 1e6 })
  expect(list.models.map(({ model, source, pinned, managed }) => [model, source, pinned, managed])).toEqual([
    ['embedded:tiny-chat', 'embedded', false, false],
    ['embedded:tiny-shapes', 'embedded', false, false],
    [expect.stringMatching(/^[0-9a-f]{40}$/), 'model-root', false, false],
    ['owner/first', 'cache', true, true],
    ['owner/second', 'cache', false, true],
  ])
  expect(list.managedBytes).toBeGreaterThan(200_000)
})

test('a folder that has only safetensors is refused with the reason', async () => {
  const root = await mkdtemp(join(tmpdir(), 'crynux-root-'))
  folders.push(root)
  await mkdir(join(root, 'owner/torch/unet'), { recursive: true })
  await writeFile(join(root, 'owner/torch/model_index.json'), '{}')
  await writeFile(join(root, 'owner/torch/unet/diffusion_pytorch_model.safetensors'), '')
  await expect(createModelStore({ modelRoots: [root] }).modelFolder('owner/torch')).rejects.toMatchObject({
    code: 'CRYNUX_MODEL_FORMAT',
    exitCode: 12,
    message: expect.stringContaining('only as safetensors (a diffusers folder)'),
  })
})
