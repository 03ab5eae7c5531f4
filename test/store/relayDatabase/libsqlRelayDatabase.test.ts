import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Libsql from 'libsql'
import { expect, onTestFinished, test } from 'vitest'
import type { Address, Hex } from '../../../src/base/hex.js'
import {
  createLibsqlRelayDatabase,
  DatabaseUnusableError,
} from '../../../src/store/relayDatabase/libsqlRelayDatabase.js'

const TASK: Hex = `0x${'c0ffee00'.repeat(8)}`
const NODE: Address = `0x${'11'.repeat(20)}`
const OTHER: Address = `0x${'22'.repeat(20)}`
const file = (blob: string) => ({ blob, sizeBytes: 5, sha256: `0x${'ab'.repeat(32)}` as Hex, storedAt: 1_000 })

async function temporaryFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'crynux-database-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'relay.sqlite')
}

function openDatabase(path: string) {
  const database = createLibsqlRelayDatabase({ path })
  onTestFinished(() => database.close())
  return database
}

test('a nonce works once, and not after its time', async () => {
  const database = openDatabase(await temporaryFile())
  await database.addNonce('fresh', 2_000)
  await database.addNonce('stale', 500)
  expect(await database.takeNonce('fresh', 1_000)).toBe(true)
  expect(await database.takeNonce('fresh', 1_000)).toBe(false)
  expect(await database.takeNonce('stale', 1_000)).toBe(false)
  expect(await database.takeNonce('unknown', 1_000)).toBe(false)
})

test('sessions end with their time, their removal, and the process', async () => {
  const path = await temporaryFile()
  const database = openDatabase(path)
  for (const tokenHash of ['a', 'b', 'c']) await database.addSession({ tokenHash, address: NODE, expiresAt: 2_000 })
  expect(await database.findSession('a', 1_999)).toEqual({ address: NODE, expiresAt: 2_000 })
  expect(await database.findSession('a', 2_000)).toBeNull()
  await database.removeSession('b')
  expect(await database.findSession('b', 1_000)).toBeNull()
  await database.close()
  expect(await openDatabase(path).findSession('c', 1_000)).toBeNull()
})

test('files and seals survive a restart, per uploader', async () => {
  const path = await temporaryFile()
  const before = openDatabase(path)
  await before.addArguments(TASK, { ...file('x'), draw: 'three' })
  expect(await before.putResult(TASK, NODE, { ...file('n1'), index: 1 })).toBeNull()
  expect(await before.putResult(TASK, NODE, { ...file('n0'), index: 0 })).toBeNull()
  expect(await before.putResult(TASK, NODE, { ...file('n1-again'), index: 1 })).toBe('n1')
  await before.putResult(TASK, OTHER, { ...file('o0'), index: 0 })
  const seal = { resultDigest: TASK, sizeBytes: 10, sealedAt: 1_500 }
  await before.addSeal(TASK, NODE, seal)
  await before.close()

  const after = openDatabase(path)
  expect(await after.findArguments(TASK)).toEqual({ ...file('x'), draw: 'three' })
  expect((await after.listResults(TASK, NODE)).map(({ index, blob }) => [index, blob])).toEqual([
    [0, 'n0'],
    [1, 'n1-again'],
  ])
  expect(await after.findSeal(TASK, NODE)).toEqual(seal)
  expect(await after.findSeal(TASK, OTHER)).toBeNull()
  const held = {
    taskId: TASK,
    arguments: { storedAt: 1_000 },
    results: [
      { uploader: NODE, storedAt: 1_000 },
      { uploader: OTHER, storedAt: 1_000 },
    ],
  }
  expect(await after.findTask(TASK)).toEqual(held)
  expect(await after.listTasks()).toEqual([held])
  expect((await after.listBlobs()).sort()).toEqual(['n0', 'n1-again', 'o0', 'x'])
  expect((await after.removeResults(TASK, NODE)).sort()).toEqual(['n0', 'n1-again'])
  expect(await after.findSeal(TASK, NODE)).toBeNull()
  expect((await after.removeTask(TASK)).sort()).toEqual(['o0', 'x'])
  expect(await after.findTask(TASK)).toBeNull()
})

test('arguments of a version that did not tell draws apart can be read, and replaced', async () => {
  const path = await temporaryFile()
  const before = openDatabase(path)
  await before.addArguments(TASK, { ...file('x'), draw: 'three' })
  await before.close()
  const earlier = new Libsql(path)
  earlier.exec('DROP TABLE argument_draws')
  earlier.close()
  const after = openDatabase(path)
  expect(await after.findArguments(TASK)).toEqual({ ...file('x'), draw: null })
  expect(await after.removeArguments(TASK)).toEqual(['x'])
  await after.addArguments(TASK, { ...file('y'), draw: 'others' })
  expect(await after.findArguments(TASK)).toEqual({ ...file('y'), draw: 'others' })
})

test('what was removed is in no byte of the files', async () => {
  const path = await temporaryFile()
  const database = openDatabase(path)
  await database.addArguments(TASK, { ...file('marker-of-the-blob'), draw: 'three' })
  await database.putResult(TASK, NODE, { ...file('marker-of-the-blob'), index: 0 })
  const bytes = async () =>
    Buffer.concat(await Promise.all((await readdir(join(path, '..'))).map((name) => readFile(join(path, '..', name)))))
  expect((await bytes()).includes('marker-of-the-blob')).toBe(true)
  await database.removeTask(TASK)
  await database.scrub()
  expect((await bytes()).includes('marker-of-the-blob')).toBe(false)
  expect((await bytes()).includes(TASK)).toBe(false)
})

test('only the owner can read it, and nobody can open it twice', async () => {
  const path = await temporaryFile()
  const database = openDatabase(path)
  await database.addArguments(TASK, { ...file('x'), draw: 'three' })
  for (const name of await readdir(join(path, '..'))) expect((await stat(join(path, '..', name))).mode & 0o077).toBe(0)
  expect(() => createLibsqlRelayDatabase({ path })).toThrow(DatabaseUnusableError)
  expect(() => createLibsqlRelayDatabase({ path })).toThrow(/is in use/)
})

test('a file that is no database, a planted link, a missing folder: one clear error', async () => {
  const path = await temporaryFile()
  await writeFile(path, 'this is a text and no database, and longer than the header of one'.repeat(20))
  expect(() => createLibsqlRelayDatabase({ path })).toThrow(DatabaseUnusableError)
  await symlink(path, `${path}.link`)
  expect(() => createLibsqlRelayDatabase({ path: `${path}.link` })).toThrow(DatabaseUnusableError)
  expect(() => createLibsqlRelayDatabase({ path: join(path, 'in-a-file') })).toThrow(DatabaseUnusableError)
})
