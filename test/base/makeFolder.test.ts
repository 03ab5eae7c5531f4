import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeFolder } from '../../src/base/makeFolder.js'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'crynux-folder-'))
})
afterAll(() => rm(root, { recursive: true }))

it('makes what is missing, with its mode, and leaves what is there', async () => {
  await makeFolder(join(root, 'a'), { mode: 0o755 })
  await makeFolder(join(root, 'a/b/c'), { mode: 0o700 })
  await makeFolder(join(root, 'a/b/c'), { mode: 0o755 })
  const modes = await Promise.all(
    ['a', 'a/b', 'a/b/c'].map(async (path) => (await stat(join(root, path))).mode & 0o777),
  )
  expect(modes).toEqual([0o755, 0o700, 0o700])
})

it('makes the same folder for several at once', async () => {
  await Promise.all(Array.from({ length: 20 }, () => makeFolder(join(root, 'x/y/z'))))
  expect((await stat(join(root, 'x/y/z'))).isDirectory()).toBe(true)
})

it('refuses a file in the way', async () => {
  await writeFile(join(root, 'file'), '')
  await expect(makeFolder(join(root, 'file'))).rejects.toMatchObject({ code: 'EEXIST' })
  await expect(makeFolder(join(root, 'file/below'))).rejects.toMatchObject({ code: 'ENOTDIR' })
})

it.runIf(process.platform === 'linux')('ends where no folder can be made', async () => {
  await expect(makeFolder('/proc/crynux/data')).rejects.toMatchObject({ code: 'ENOENT' })
})
