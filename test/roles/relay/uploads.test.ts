import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Wallet } from '../../../src/protocol/wallet.js'
import { problemOf, startTestRelay, TASK_ID, type TestRelay } from './testRelay.js'

const ARGUMENTS = `/v1/tasks/${TASK_ID}/arguments`
const MIB = 2 ** 20

const blobsOf = (relay: TestRelay) => readdir(join(relay.folder, 'blobs'))

/** Sends raw HTTP and resolves to what comes back until the connection ends. */
function rawExchange(relay: TestRelay, head: string[], body: Uint8Array = new Uint8Array()): Promise<string> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(relay.url)
    const socket = connect(Number(port), hostname)
    let answer = ''
    socket.on('data', (data) => {
      answer += data
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(answer))
    socket.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]))
  })
}

async function headOf(relay: TestRelay, ...extra: string[]): Promise<string[]> {
  const token = await relay.token(relay.cast.creator)
  return [`PUT ${ARGUMENTS} HTTP/1.1`, 'Host: relay', `Authorization: Bearer ${token}`, 'Connection: close', ...extra]
}

describe('arguments', () => {
  test('8 MiB are taken, one byte more is refused before it is read', async () => {
    const relay = await startTestRelay()
    const { creator } = relay.cast
    const tooLarge = await relay.as(creator, 'PUT', ARGUMENTS, new Uint8Array(8 * MIB + 1))
    expect(await problemOf(tooLarge)).toEqual([413, 'too-large'])
    const declared = await rawExchange(
      relay,
      await headOf(relay, 'Content-Type: application/octet-stream', 'Content-Length: 99999999999'),
    )
    expect(declared).toMatch(/^HTTP\/1\.1 413 /)
    expect(await blobsOf(relay)).toEqual([])
    expect((await relay.as(creator, 'PUT', ARGUMENTS, new Uint8Array(8 * MIB))).status).toBe(201)
    expect(await blobsOf(relay)).toHaveLength(1)
  })

  test('a body without declared length, of another type, or empty is refused', async () => {
    const relay = await startTestRelay()
    const octets = 'Content-Type: application/octet-stream'
    const chunked = await rawExchange(
      relay,
      await headOf(relay, octets, 'Transfer-Encoding: chunked'),
      Buffer.from('3\r\nabc\r\n0\r\n\r\n'),
    )
    expect(chunked).toMatch(/^HTTP\/1\.1 411 [\s\S]*"length-required"/)
    const text = await rawExchange(
      relay,
      await headOf(relay, 'Content-Type: text/plain', 'Content-Length: 1'),
      Buffer.from('a'),
    )
    expect(text).toMatch(/^HTTP\/1\.1 415 [\s\S]*"wrong-media-type"/)
    const json = await rawExchange(
      relay,
      await headOf(relay, 'Content-Type: application/json', 'Content-Length: 2'),
      Buffer.from('{}'),
    )
    expect(json).toMatch(/^HTTP\/1\.1 415 /)
    const empty = await rawExchange(relay, await headOf(relay, octets, 'Content-Length: 0'))
    expect(empty).toMatch(/^HTTP\/1\.1 400 /)
    expect(await blobsOf(relay)).toEqual([])
  })

  test('a body that breaks off leaves nothing', async () => {
    const relay = await startTestRelay()
    const head = await headOf(relay, 'Content-Type: application/octet-stream', 'Content-Length: 1000')
    await rawExchange(relay, head, new Uint8Array(10)).catch(() => '')
    await expect.poll(() => blobsOf(relay)).toEqual([])
    // The broken-off request gives its place back a moment after its file is gone.
    const put = async () => (await relay.as(relay.cast.creator, 'PUT', ARGUMENTS, new Uint8Array(1_000))).status
    await expect.poll(put).toBe(201)
  })

  test('are written once: the same again is fine, others are not', async () => {
    const relay = await startTestRelay()
    const { creator } = relay.cast
    const statuses: number[] = []
    for (const byte of [1, 1, 2]) {
      statuses.push((await relay.as(creator, 'PUT', ARGUMENTS, new Uint8Array([byte]))).status)
    }
    expect(statuses).toEqual([201, 200, 409])
    const response = await relay.as(relay.cast.node2, 'GET', ARGUMENTS)
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(new Uint8Array([1]))
    expect(await blobsOf(relay)).toHaveLength(1)
  })

  test('are replaced when a reorganisation has drawn other nodes, who never see the old ones', async () => {
    const relay = await startTestRelay()
    const { creator, node1, node2, node3, stranger } = relay.cast
    const put = async (byte: number) => problemOf(await relay.as(creator, 'PUT', ARGUMENTS, new Uint8Array([byte])))
    const got = async (wallet: Wallet) => {
      const response = await relay.as(wallet, 'GET', ARGUMENTS)
      return response.status === 200 ? [...new Uint8Array(await response.arrayBuffer())] : response.status
    }
    const draw = (...wallets: Wallet[]) =>
      relay.chain.change(TASK_ID, {
        slots: wallets.map(({ address }) => ({
          node: address,
          committed: false,
          revealed: false,
          score: '0x' as const,
        })),
      })
    expect(await put(1)).toEqual([201, undefined])
    draw(node3, node1, node2)
    expect(await put(2)).toEqual([409, 'arguments-exist'])
    expect(await got(node1)).toEqual([1])
    draw(node3, node1, stranger)
    expect([await got(node1), await got(node2), await got(stranger)]).toEqual([404, 404, 404])
    expect(await put(3)).toEqual([201, undefined])
    expect([await got(node1), await got(node2), await got(stranger)]).toEqual([[3], 404, [3]])
    expect(await put(4)).toEqual([409, 'arguments-exist'])
    expect(await blobsOf(relay)).toHaveLength(1)
  })

  test('many that come together are stored once and never lie on the disk more than once', async () => {
    const relay = await startTestRelay()
    const put = (byte: number) =>
      relay.as(relay.cast.creator, 'PUT', ARGUMENTS, new Uint8Array(200_000).fill(byte)).then(problemOf)
    let most = 0
    const uploads = Promise.all(Array.from({ length: 100 }, (_, index) => put(index)))
    let running = true
    const watching = (async () => {
      while (running) most = Math.max(most, (await blobsOf(relay)).length)
    })()
    const answers = await uploads
    running = false
    await watching
    expect(answers.filter(([status]) => status === 201)).toHaveLength(1)
    for (const [, code] of answers) expect([undefined, 'busy', 'arguments-exist']).toContain(code)
    expect(await blobsOf(relay)).toHaveLength(1)
    // The one that is stored, and one that has arrived and is not wanted any more.
    expect(most).toBeLessThanOrEqual(2)
  })

  test('slow bodies are cut off', async () => {
    const relay = await startTestRelay({ limits: { slowBodyGraceMs: 1_000 } })
    const { hostname, port } = new URL(relay.url)
    const head = await headOf(relay, 'Content-Type: application/octet-stream', 'Content-Length: 100000')
    const socket = connect(Number(port), hostname)
    const answer = new Promise<string>((resolve) => {
      socket.once('data', (data) => resolve(String(data)))
    })
    socket.write(`${head.join('\r\n')}\r\n\r\n`)
    socket.write('a')
    await expect.poll(() => blobsOf(relay)).toHaveLength(1)
    relay.clock.advance(60_000)
    socket.write('a')
    expect(await answer).toMatch(/^HTTP\/1\.1 408 /)
    socket.destroy()
    await expect.poll(() => blobsOf(relay)).toEqual([])
  })
})

describe('results', () => {
  const awaitingUpload = async () => {
    const relay = await startTestRelay()
    const { node1 } = relay.cast
    relay.chain.change(TASK_ID, { state: 'awaitingUpload', uploader: node1.address })
    const put = (index: number, bytes: Uint8Array) =>
      relay.as(node1, 'PUT', `/v1/tasks/${TASK_ID}/results/${index}`, bytes)
    const seal = () => relay.as(node1, 'POST', `/v1/tasks/${TASK_ID}/results`)
    return { relay, put, seal }
  }

  test('32 MiB each, one byte more is refused; replaced files are gone', async () => {
    const { relay, put } = await awaitingUpload()
    expect((await put(0, new Uint8Array(32 * MIB))).status).toBe(201)
    expect(await problemOf(await put(0, new Uint8Array(32 * MIB + 1)))).toEqual([413, 'too-large'])
    const statuses: number[] = []
    for (const byte of [1, 1, 2]) statuses.push((await put(0, new Uint8Array([byte]))).status)
    expect(statuses).toEqual([200, 200, 200])
    expect(await blobsOf(relay)).toHaveLength(1)
  })

  test('are sealed when all are there; then nothing changes and the receipt repeats', async () => {
    const { put, seal } = await awaitingUpload()
    await put(1, new Uint8Array([1]))
    expect(await problemOf(await seal())).toEqual([409, 'results-incomplete'])
    await put(0, new Uint8Array([0]))
    const first = await (await seal()).json()
    expect(await problemOf(await put(0, new Uint8Array([9])))).toEqual([409, 'results-sealed'])
    expect(await (await seal()).json()).toEqual(first)
  })

  test('are hidden from the creator until they are sealed', async () => {
    const { relay, put, seal } = await awaitingUpload()
    const get = async (path: string) =>
      problemOf(await relay.as(relay.cast.creator, 'GET', `/v1/tasks/${TASK_ID}/${path}`))
    await put(0, new Uint8Array([1]))
    await put(1, new Uint8Array([1]))
    expect(await get('results')).toEqual([404, 'not-ready'])
    expect(await get('results/0')).toEqual([404, 'not-ready'])
    await seal()
    expect(await get('results')).toEqual([200, undefined])
    expect(await get('results/0')).toEqual([200, undefined])
  })

  test('a creator cannot delete what is still arriving, so that no uploader can be made to miss its deadline', async () => {
    const { relay, put, seal } = await awaitingUpload()
    const remove = async () => problemOf(await relay.as(relay.cast.creator, 'DELETE', `/v1/tasks/${TASK_ID}`))
    await put(0, new Uint8Array([1]))
    expect(await remove()).toEqual([409, 'upload-under-way'])
    await put(1, new Uint8Array([1]))
    await seal()
    expect((await remove())[0]).toBe(200)
    expect(await blobsOf(relay)).toEqual([])
  })

  test('a redelivery replaces a faulty set', async () => {
    const { relay, put, seal } = await awaitingUpload()
    const { creator, node2 } = relay.cast
    for (const index of [0, 1]) await put(index, new Uint8Array([1]))
    await seal()
    relay.chain.change(TASK_ID, { state: 'completed', redelivery: true, uploader: node2.address })
    const list = async () => problemOf(await relay.as(creator, 'GET', `/v1/tasks/${TASK_ID}/results`))
    expect(await list()).toEqual([404, 'not-ready'])
    for (const index of [0, 1])
      await relay.as(node2, 'PUT', `/v1/tasks/${TASK_ID}/results/${index}`, new Uint8Array([2]))
    expect((await relay.as(node2, 'POST', `/v1/tasks/${TASK_ID}/results`)).status).toBe(200)
    const file = await relay.as(creator, 'GET', `/v1/tasks/${TASK_ID}/results/0`)
    expect(new Uint8Array(await file.arrayBuffer())).toEqual(new Uint8Array([2]))
    await relay.sweep()
    expect(await blobsOf(relay)).toHaveLength(2)
  })

  test.each([
    ['bytes=0-0', 206, 'bytes 0-0/10', [0]],
    ['bytes=2-4', 206, 'bytes 2-4/10', [2, 3, 4]],
    ['bytes=7-', 206, 'bytes 7-9/10', [7, 8, 9]],
    ['bytes=-2', 206, 'bytes 8-9/10', [8, 9]],
    ['bytes=-99', 206, 'bytes 0-9/10', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['bytes=8-99', 206, 'bytes 8-9/10', [8, 9]],
    ['bytes=10-', 416, 'bytes */10', null],
    ['bytes=-0', 416, 'bytes */10', null],
    ['bytes=4-2', 200, null, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['bytes=0-1,3-4', 200, null, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['lines=0-1', 200, null, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
  ])('range %s → %d', async (range, status, contentRange, expected) => {
    const { relay, put, seal } = await awaitingUpload()
    for (const index of [0, 1]) await put(index, new Uint8Array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]))
    await seal()
    const response = await fetch(`${relay.url}/v1/tasks/${TASK_ID}/results/1`, {
      headers: { range, authorization: `Bearer ${await relay.token(relay.cast.creator)}` },
    })
    const body = new Uint8Array(await response.arrayBuffer())
    expect([response.status, response.headers.get('content-range')]).toEqual([status, contentRange])
    if (expected) expect([...body]).toEqual(expected)
  })
})
