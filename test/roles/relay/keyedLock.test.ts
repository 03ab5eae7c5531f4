import { expect, test } from 'vitest'
import { createKeyedLock } from '../../../src/roles/relay/keyedLock.js'

test('the same key waits, also behind a failure; other keys do not', async () => {
  const lock = createKeyedLock()
  const done: string[] = []
  let release = () => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const first = lock('a', async () => {
    await gate
    done.push('first')
    throw new Error('first failed')
  })
  const second = lock('a', async () => done.push('second'))
  await lock('b', async () => done.push('other'))
  expect(done).toEqual(['other'])
  release()
  await expect(first).rejects.toThrow('first failed')
  await second
  expect(done).toEqual(['other', 'first', 'second'])
})
