import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lockFile } from '../../src/base/fileLock.js'
import { createJournal, readJournal } from '../../src/store/journal.js'

type Entry = { step: string; feeWei?: bigint }

let folder: string
let counter = 0
const freshPath = () => join(folder, `${counter++}`, 'journal')

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crynux-journal-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('journal', () => {
  it('remembers the last value of each key, across openings, bigint included', async () => {
    const path = freshPath()
    const first = await createJournal<Entry>({ path })
    await first.set('a', { step: 'committed', feeWei: 10n ** 30n })
    await first.set('b', { step: 'gone' })
    await first.set('a', { step: 'revealed', feeWei: 2n })
    await first.delete('b')
    await first.close()
    const second = await createJournal<Entry>({ path })
    expect(second.entries()).toEqual([['a', { step: 'revealed', feeWei: 2n }]])
    expect(second.get('b')).toBeUndefined()
    await second.close()
  })

  it('can be read while another has it open', async () => {
    const path = freshPath()
    expect((await readJournal({ path })).size).toBe(0)
    const journal = await createJournal<Entry>({ path })
    await journal.set('a', { step: 'committed' })
    expect((await readJournal<Entry>({ path })).get('a')).toEqual({ step: 'committed' })
    await journal.close()
  })

  it('loses nothing that was acknowledged, wherever the last write was cut off', async () => {
    const path = freshPath()
    const journal = await createJournal<Entry>({ path })
    await journal.set('first', { step: 'flushed' })
    const { size: acknowledged } = await stat(path)
    await journal.set('second', { step: 'äöü, being written' })
    await journal.close()
    const whole = await readFile(path)
    for (let cut = acknowledged; cut < whole.length; cut++) {
      await writeFile(path, whole.subarray(0, cut))
      const reopened = await createJournal<Entry>({ path })
      expect(reopened.entries()).toEqual([['first', { step: 'flushed' }]])
      await reopened.set('third', { step: 'goes on' })
      await reopened.close()
      const again = await createJournal<Entry>({ path })
      expect(again.get('third')).toEqual({ step: 'goes on' })
      await again.close()
    }
  })

  it('ignores a tail of zeros, as a file system may leave after power loss', async () => {
    const path = freshPath()
    const journal = await createJournal<Entry>({ path })
    await journal.set('a', { step: 'x' })
    await journal.close()
    await truncate(path, (await stat(path)).size + 512)
    const reopened = await createJournal<Entry>({ path })
    expect(reopened.entries()).toEqual([['a', { step: 'x' }]])
    await reopened.close()
  })

  it('refuses a journal that is damaged before its end', async () => {
    const path = freshPath()
    const journal = await createJournal<Entry>({ path })
    await journal.set('a', { step: 'x' })
    await journal.set('b', { step: 'y' })
    await journal.close()
    const bytes = await readFile(path)
    bytes[20] = (bytes[20] ?? 0) ^ 1
    await writeFile(path, bytes)
    await expect(createJournal({ path })).rejects.toMatchObject({ code: 'CRYNUX_JOURNAL_DAMAGED', exitCode: 3 })
    // The refusal holds no lock.
    await expect(createJournal({ path })).rejects.toMatchObject({ code: 'CRYNUX_JOURNAL_DAMAGED' })
  })

  it('does not grow with the number of changes, and leaves no working files', async () => {
    const path = freshPath()
    const journal = await createJournal<Entry>({ path })
    await Promise.all(Array.from({ length: 1_100 }, (_, i) => journal.set(`k${i % 3}`, { step: String(i) })))
    await journal.close()
    expect((await readFile(path, 'utf8')).split('\n').length).toBeLessThan(150)
    const reopened = await createJournal<Entry>({ path })
    expect(reopened.get('k1')).toEqual({ step: '1099' })
    await reopened.close()
    expect(await readdir(join(path, '..'))).toEqual(['journal'])
  })

  it('lets one opener at a time in', async () => {
    const path = freshPath()
    const journal = await createJournal<Entry>({ path })
    await expect(createJournal({ path })).rejects.toMatchObject({ code: 'CRYNUX_JOURNAL_IN_USE', exitCode: 3 })
    await journal.close()
    await (await createJournal({ path })).close()
  })

  it('takes over from a process that was killed, with everything that it had acknowledged', async () => {
    const path = freshPath()
    const child = fork(join(import.meta.dirname, 'fixtures/lockHolder.mjs'), [`${path}.lock`], { stdio: 'ignore' })
    await (await createJournal<Entry>({ path })).close()
    await once(child, 'message')
    child.send('hold')
    await once(child, 'message')
    await expect(createJournal({ path })).rejects.toMatchObject({ code: 'CRYNUX_JOURNAL_IN_USE' })
    child.kill('SIGKILL')
    await once(child, 'exit')
    await (await createJournal({ path })).close()
  })

  it('is not fooled by a process id that was given to another process since', async () => {
    const path = freshPath()
    await (await createJournal({ path })).close()
    await mkdir(`${path}.lock`)
    await writeFile(join(`${path}.lock`, `${process.pid}.1.00.held`), '')
    await (await createJournal({ path })).close()
  })

  it('gives a lock to exactly one of many who find a dead one', async () => {
    const path = join(folder, 'contended')
    for (let round = 0; round < 50; round++) {
      await mkdir(path, { recursive: true })
      for (const kind of ['claim', 'held']) await writeFile(join(path, `999999999.1.00.${kind}`), '')
      const locks = await Promise.all(Array.from({ length: 8 }, () => lockFile(path)))
      const held = locks.filter((lock) => lock !== null)
      expect(held).toHaveLength(1)
      expect(await lockFile(path)).toBeNull()
      await held[0]?.release()
    }
    expect(await readdir(folder)).not.toContain('contended')
  })
})

it('says in one line when its place cannot be written', async () => {
  const file = fileURLToPath(import.meta.url)
  await expect(createJournal({ path: join(file, 'below', 'a-file') })).rejects.toMatchObject({
    code: 'CRYNUX_JOURNAL_UNUSABLE',
    exitCode: 3,
    details: { reason: 'ENOTDIR' },
  })
})
