import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Logger } from '../../../src/base/logger.js'
import { encryptionKeyFromSecret } from '../../../src/protocol/encryptionKey.js'
import { seal, sealArguments } from '../../../src/protocol/envelope.js'
import { problemOf, startTestRelay, TASK_ARGUMENTS, TASK_ID, type TestRelay } from './testRelay.js'

const MARKER = 'a-marker-that-is-nowhere-else-4711'
const KEY = encryptionKeyFromSecret(new Uint8Array(32).fill(5))
const DAY_MS = 24 * 60 * 60_000

/** All bytes below the relay's folder, names included. */
async function everything(folder: string): Promise<Buffer> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const parts: Buffer[] = []
  for (const entry of entries) {
    parts.push(Buffer.from(`${entry.name}\n`))
    if (entry.isFile()) parts.push(await readFile(join(entry.parentPath, entry.name)))
  }
  return Buffer.concat(parts)
}

const blobsOf = (relay: TestRelay) => readdir(join(relay.folder, 'blobs'))

async function withEverything(): Promise<{ relay: TestRelay; sealedBytes: Uint8Array[] }> {
  const relay = await startTestRelay()
  const { creator, node1 } = relay.cast
  const canonicalArguments = new TextEncoder().encode(JSON.stringify({ prompt: MARKER }))
  const content = { salt: new Uint8Array(32), canonicalArguments, resultRecipient: KEY.publicKey }
  const sealedArguments = await sealArguments(content, [KEY.publicKey])
  expect((await relay.as(creator, 'PUT', `/v1/tasks/${TASK_ID}/arguments`, sealedArguments)).status).toBe(201)
  relay.chain.change(TASK_ID, { state: 'awaitingUpload', uploader: node1.address })
  const results = await Promise.all(
    [0, 1].map(() => seal(new TextEncoder().encode(MARKER.repeat(50)), [KEY.publicKey])),
  )
  for (const [index, file] of results.entries()) {
    expect((await relay.as(node1, 'PUT', `/v1/tasks/${TASK_ID}/results/${index}`, file)).status).toBe(201)
  }
  expect((await relay.as(node1, 'POST', `/v1/tasks/${TASK_ID}/results`)).status).toBe(200)
  return { relay, sealedBytes: [sealedArguments, ...results] }
}

describe('nothing is readable, and nothing stays', () => {
  test('neither a plaintext nor a client is anywhere while a task is held; after its deletion not even its id', async () => {
    const { relay, sealedBytes } = await withEverything()
    const id = TASK_ID.slice(2)
    const during = await everything(relay.folder)
    expect(during.includes(MARKER)).toBe(false)
    expect(during.includes(KEY.identity)).toBe(false)
    expect(during.includes('127.0.0.1')).toBe(false)
    expect(during.includes(await relay.token(relay.cast.creator))).toBe(false)
    expect(during.includes(id)).toBe(true)
    expect(during.includes(Buffer.from(sealedBytes[1] ?? new Uint8Array()))).toBe(true)

    expect((await relay.as(relay.cast.creator, 'DELETE', `/v1/tasks/${TASK_ID}`)).status).toBe(200)
    const after = await everything(relay.folder)
    for (const text of [id, MARKER, relay.cast.node1.address.slice(2).toLowerCase()]) {
      expect([text, after.includes(text)]).toEqual([text, false])
    }
    for (const sealed of sealedBytes) expect(after.includes(Buffer.from(sealed.subarray(0, 64)))).toBe(false)
    expect(await blobsOf(relay)).toEqual([])
  })

  test('logs name neither clients nor secrets, at any level', async () => {
    const lines: string[] = []
    const write = (fields: object, message: string) => void lines.push(JSON.stringify({ ...fields, message }))
    const logger: Logger = { debug: write, info: write, warn: write, error: write }
    const relay = await startTestRelay({ logger })
    const { creator } = relay.cast
    await relay.as(creator, 'PUT', `/v1/tasks/${TASK_ID}/arguments`, new TextEncoder().encode(MARKER))
    await relay.as(creator, 'POST', `/v1/tasks/${TASK_ID}/dispute`, {
      identity: KEY.identity,
      argumentsDigest: TASK_ARGUMENTS.argumentsDigest,
    })
    await relay.as(creator, 'GET', `/v1/tasks/${MARKER}/arguments?${MARKER}`)
    await relay.as(null, 'GET', `/${MARKER}`)
    await expect.poll(() => lines.length).toBeGreaterThanOrEqual(6)
    const log = lines.join('\n')
    for (const secret of [MARKER, KEY.identity, '127.0.0.1', 'node-fetch', await relay.token(creator)]) {
      expect(log).not.toContain(secret)
    }
  })
})

describe('the sweeper', () => {
  test('deletes arguments when the task is past its commits, and keeps them before', async () => {
    const relay = await startTestRelay()
    const { creator, node3 } = relay.cast
    const get = async () => (await relay.as(node3, 'GET', `/v1/tasks/${TASK_ID}/arguments`)).status
    await relay.as(creator, 'PUT', `/v1/tasks/${TASK_ID}/arguments`, new Uint8Array([1]))
    await relay.sweep()
    expect(await get()).toBe(200)
    relay.chain.change(TASK_ID, { state: 'revealing' })
    await relay.sweep()
    expect(await get()).toBe(404)
    expect(await blobsOf(relay)).toEqual([])
  })

  test('deletes results at an abort, after a day, and those of an uploader that was replaced', async () => {
    for (const end of ['aborted', 'a day', 'replaced', 'chain reset'] as const) {
      const { relay } = await withEverything()
      relay.chain.change(TASK_ID, { state: 'completed' })
      await relay.sweep()
      expect([end, (await blobsOf(relay)).length]).toEqual([end, 2])
      if (end === 'aborted') relay.chain.change(TASK_ID, { state: 'aborted' })
      if (end === 'a day') relay.clock.advance(DAY_MS)
      if (end === 'replaced') relay.chain.change(TASK_ID, { redelivery: true, uploader: relay.cast.node2.address })
      if (end === 'chain reset') relay.chain.forget(TASK_ID)
      await relay.sweep()
      expect([end, await blobsOf(relay)]).toEqual([end, []])
      expect((await everything(relay.folder)).includes(TASK_ID.slice(2))).toBe(false)
    }
  })

  test('keeps everything while the chain cannot be read, but not longer than a day', async () => {
    const { relay } = await withEverything()
    relay.chain.failWith = new Error('no chain')
    await relay.sweep()
    expect(await blobsOf(relay)).toHaveLength(3)
    relay.clock.advance(DAY_MS)
    await relay.sweep()
    expect(await blobsOf(relay)).toEqual([])
  })

  test('also runs at the start, and by itself when somebody watches the task', async () => {
    const { relay } = await withEverything()
    await relay.close()
    relay.chain.change(TASK_ID, { state: 'completed' })
    const { cast, chain, folder } = relay
    const restarted = await startTestRelay({ cast, chain, dataFolder: folder })
    expect(await blobsOf(restarted)).toHaveLength(2)
    const watching = await restarted.as(cast.creator, 'GET', `/v1/tasks/${TASK_ID}/events`)
    chain.change(TASK_ID, { state: 'aborted' })
    chain.mine()
    await watching.text()
    await expect.poll(() => blobsOf(restarted)).toEqual([])
  })
})

describe('a restart', () => {
  test('keeps what was stored and removes what was half there', async () => {
    const { relay, sealedBytes } = await withEverything()
    await relay.close()
    const half = join(relay.folder, 'blobs', `${'0c'.repeat(16)}.part`)
    await writeFile(half, 'half an upload')
    const { cast, chain, folder } = relay
    const restarted = await startTestRelay({ cast, chain, dataFolder: folder })
    const file = await restarted.as(cast.creator, 'GET', `/v1/tasks/${TASK_ID}/results/0`)
    expect(Buffer.compare(Buffer.from(await file.arrayBuffer()), sealedBytes[1] ?? new Uint8Array())).toBe(0)
    expect(await problemOf(await restarted.as(cast.node1, 'POST', `/v1/tasks/${TASK_ID}/results`))).toEqual([
      200,
      undefined,
    ])
    expect((await blobsOf(restarted)).filter((name) => name.endsWith('.part'))).toEqual([])
  })
})
