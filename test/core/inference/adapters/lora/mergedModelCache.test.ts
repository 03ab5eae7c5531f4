import { spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createMergedModelCache } from '../../../../../src/core/inference/adapters/lora/mergedModelCache.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'crynux-test-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const entries = () => readdir(join(folder, 'merged-models'))

/** Builds an entry of one file, and says how often it did. */
function builder(text: string) {
  const built: string[] = []
  return {
    built,
    build: async (path: string) => {
      built.push(path)
      await writeFile(join(path, 'model.onnx'), text)
    },
    isWhole: async (path: string) => (await stat(join(path, 'model.onnx'))).size === text.length,
  }
}

test('an entry is built once, and found by the next process', async () => {
  const how = builder('weights')
  const path = await createMergedModelCache({ folder }).entry('a', how)
  expect(await createMergedModelCache({ folder }).entry('a', how)).toBe(path)
  expect(how.built).toHaveLength(1)
  expect(await readFile(join(path, 'model.onnx'), 'utf8')).toBe('weights')
  expect(await entries()).toEqual(['a'])
})

test('two that build the same entry at once end with one', async () => {
  const how = builder('weights')
  let waiting = 0
  const both: (() => void)[] = []
  const build = async (path: string) => {
    await how.build(path)
    // Neither is done before the other has built, too.
    if (++waiting < 2) await new Promise<void>((resolve) => both.push(resolve))
    for (const resolve of both) resolve()
  }
  const caches = [createMergedModelCache({ folder }), createMergedModelCache({ folder })]
  const paths = await Promise.all(caches.map((cache) => cache.entry('a', { build, isWhole: how.isWhole })))
  expect(how.built).toHaveLength(2)
  expect(new Set(paths).size).toBe(1)
  expect(await entries()).toEqual(['a'])
})

test('who starts while another builds does not disturb it', async () => {
  const how = builder('weights')
  const build = async (path: string) => {
    await how.build(path)
    await createMergedModelCache({ folder }).entry('b', how)
  }
  await createMergedModelCache({ folder }).entry('a', { ...how, build })
  expect((await entries()).sort()).toEqual(['a', 'b'])
})

test('an entry that cannot be built leaves nothing behind', async () => {
  const cache = createMergedModelCache({ folder })
  const build = async (path: string) => {
    await writeFile(join(path, 'half'), 'x')
    throw new Error('no room')
  }
  await expect(cache.entry('a', { build, isWhole: async () => true })).rejects.toThrow('no room')
  expect(await entries()).toEqual([])
})

test('what a killed process left is removed at the next start, what a living one builds is not', async () => {
  const cache = createMergedModelCache({ folder })
  let name = ''
  await cache.entry('a', {
    build: async () => {
      name = (await entries()).find((each) => each.endsWith('.tmp')) ?? ''
    },
    isWhole: async () => true,
  })
  const { pid: gone } = spawnSync(process.execPath, ['-e', ''])
  const leftOf = (pid: number) => name.replace(`-${process.pid}-`, `-${pid}-`)
  const elsewhere = name.replace(/\.[0-9a-f]{8}-/, '.00000000-')
  const abandoned = elsewhere.replace(/^a/, 'b')
  // The second of these had the number that this process has now.
  for (const each of [leftOf(gone), name.replace(/^a/, 'd'), leftOf(process.ppid), elsewhere, abandoned]) {
    await mkdir(join(folder, 'merged-models', each))
  }
  await utimes(join(folder, 'merged-models', abandoned), 1, 1)
  await createMergedModelCache({ folder }).entry('c', builder('weights'))
  expect((await entries()).sort()).toEqual(['a', 'c', leftOf(process.ppid), elsewhere].sort())
})

test('an entry that lost bytes in a power failure is built again', async () => {
  const how = builder('weights')
  const path = await createMergedModelCache({ folder }).entry('a', how)
  await truncate(join(path, 'model.onnx'), 3)
  await createMergedModelCache({ folder }).entry('a', how)
  expect(await readFile(join(path, 'model.onnx'), 'utf8')).toBe('weights')
  expect(await entries()).toEqual(['a'])
})

test('the least recently used entries make room', async () => {
  const cache = createMergedModelCache({ folder, maximumBytes: 25 })
  const how = builder('ten bytes!')
  for (const key of ['a', 'b']) await cache.entry(key, how)
  for (const [key, seconds] of Object.entries({ a: 1, b: 2 })) {
    await utimes(join(folder, 'merged-models', key), seconds, seconds)
  }
  // Used again, so now b is the oldest.
  await cache.entry('a', how)
  await cache.entry('c', how)
  expect((await entries()).sort()).toEqual(['a', 'c'])
})

test('an entry that is larger than the cache stays alone', async () => {
  const cache = createMergedModelCache({ folder, maximumBytes: 5 })
  for (const key of ['a', 'b']) await cache.entry(key, builder('ten bytes!'))
  expect(await entries()).toEqual(['b'])
})

test('on a full disk the other entries make room', async () => {
  const cache = createMergedModelCache({ folder })
  const how = builder('weights')
  await cache.entry('a', how)
  const full = Object.assign(new Error('no space'), { code: 'ENOSPC' })
  const build = async (path: string) => {
    if ((await entries()).includes('a')) throw full
    await how.build(path)
  }
  await cache.entry('b', { ...how, build })
  expect(await entries()).toEqual(['b'])
  const never = async () => {
    throw full
  }
  await expect(cache.entry('c', { ...how, build: never })).rejects.toThrow('no space')
  await expect(cache.entry('c', { ...how, build: never })).rejects.toThrow('no space')
  expect(await entries()).toEqual([])
})

test('a digest is that of the content, also after the file was replaced by one of the same size and time', async () => {
  const file = join(folder, 'model.onnx')
  const cache = createMergedModelCache({ folder })
  await writeFile(file, 'a')
  await utimes(file, 1, 1)
  const sha256OfA = 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb'
  expect(await cache.digest(file)).toBe(sha256OfA)
  expect(await readdir(join(folder, 'digests'))).toHaveLength(1)
  expect(await createMergedModelCache({ folder }).digest(file)).toBe(sha256OfA)
  await writeFile(`${file}.new`, 'b')
  await utimes(`${file}.new`, 1, 1)
  await rename(`${file}.new`, file)
  expect(await cache.digest(file)).toBe('3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d')
})
