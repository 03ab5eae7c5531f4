import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import type { Hex } from '../../../src/base/hex.js'
import { createFolderBlobStore, IncompleteUploadError, NoSpaceError } from '../../../src/store/blobs/folderBlobStore.js'

const TASK: Hex = `0x${'0a'.repeat(32)}`

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'crynux-blobs-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function* inPieces(bytes: Uint8Array, size = 100_000) {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size)
}

test('a blob is what was sent, with its hash, readable by its owner only', async () => {
  const folder = join(await temporaryFolder(), 'blobs')
  const store = await createFolderBlobStore({ folder })
  const bytes = new Uint8Array(1_300_000).map((_, index) => (index * 31) % 251)
  const received = await store.receive(inPieces(bytes), { declaredBytes: bytes.length })
  expect(received).toMatchObject({
    sizeBytes: bytes.length,
    sha256: `0x${createHash('sha256').update(bytes).digest('hex')}`,
  })
  const name = await received.keep(TASK)
  await received.discard()
  expect(Buffer.compare(await store.read(name), bytes)).toBe(0)
  expect((await stat(folder)).mode & 0o777).toBe(0o700)
  expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600)
  const open = await store.open(name)
  const part = Buffer.concat(await open.stream({ start: 10, end: 19 }).toArray())
  expect(Buffer.compare(part, bytes.subarray(10, 20))).toBe(0)
  await store.remove([name, name])
  expect(await readdir(folder)).toEqual([])
})

test('too few or too many bytes leave nothing', async () => {
  const folder = await temporaryFolder()
  const store = await createFolderBlobStore({ folder })
  for (const declaredBytes of [9, 11]) {
    await expect(store.receive(inPieces(new Uint8Array(10)), { declaredBytes })).rejects.toBeInstanceOf(
      IncompleteUploadError,
    )
  }
  const broken = async function* () {
    yield new Uint8Array(3)
    throw new Error('the connection broke')
  }
  await expect(store.receive(broken(), { declaredBytes: 10 })).rejects.toThrow('the connection broke')
  expect(await readdir(folder)).toEqual([])
})

test('uploads that are under way together are bounded, and nothing is read of those over the bound', async () => {
  const store = await createFolderBlobStore({ folder: await temporaryFolder(), pendingLimitBytes: 100 })
  let goOn = () => {}
  const waiting = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const slow = async function* () {
    await waiting
    yield new Uint8Array(60)
  }
  const first = store.receive(slow(), { declaredBytes: 60 })
  await expect(store.receive(inPieces(new Uint8Array(60)), { declaredBytes: 60 })).rejects.toBeInstanceOf(NoSpaceError)
  goOn()
  await first
  await expect(store.receive(inPieces(new Uint8Array(60)), { declaredBytes: 60 })).resolves.toBeDefined()
  const full = await createFolderBlobStore({ folder: await temporaryFolder(), reserveBytes: Number.MAX_SAFE_INTEGER })
  await expect(full.receive(inPieces(new Uint8Array(1)), { declaredBytes: 1 })).rejects.toBeInstanceOf(NoSpaceError)
})

test('no name leads out of the folder, not even a planted link', async () => {
  const outside = await temporaryFolder()
  const folder = await temporaryFolder()
  await writeFile(join(outside, 'secret'), 'secret')
  const store = await createFolderBlobStore({ folder })
  const linkName = `${'0a'.repeat(32)}.${'0b'.repeat(16)}`
  await symlink(join(outside, 'secret'), join(folder, linkName))
  await expect(store.read(linkName)).rejects.toMatchObject({ code: 'ELOOP' })
  await expect(store.open(linkName)).rejects.toMatchObject({ code: 'ELOOP' })
  await store.remove([linkName])
  expect(await readFile(join(outside, 'secret'), 'utf8')).toBe('secret')

  const odd = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('..', '.', '', '/', '%2e%2e', '\0', `${linkName}\0`, `${linkName}/..`, `../${linkName}`, '．．／'),
    fc.string().map((text) => `${linkName}${text || ' '}`),
  )
  await fc.assert(
    fc.asyncProperty(odd, async (name) => {
      await expect(store.read(name)).rejects.toThrow('not the name of a blob')
      await expect(store.remove([name])).rejects.toThrow('not the name of a blob')
    }),
  )
  const received = await store.receive(inPieces(new Uint8Array(1)), { declaredBytes: 1 })
  await expect(received.keep('0x../../x')).rejects.toThrow('not a task id')
  await received.discard()
})

test('removeUnknown removes unfinished and unreferenced files, and leaves what is not ours', async () => {
  const folder = await temporaryFolder()
  const store = await createFolderBlobStore({ folder })
  const keepOne = async () => (await store.receive(inPieces(new Uint8Array(1)), { declaredBytes: 1 })).keep(TASK)
  const known = await keepOne()
  await keepOne()
  await store.receive(inPieces(new Uint8Array(1)), { declaredBytes: 1 })
  await writeFile(join(folder, 'README'), 'of somebody else')
  expect(await store.removeUnknown(new Set([known]))).toBe(2)
  expect((await readdir(folder)).sort()).toEqual(['README', known].sort())
})
