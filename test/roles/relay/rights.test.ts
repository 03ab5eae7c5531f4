import { describe, expect, test } from 'vitest'
import type { Address } from '../../../src/base/hex.js'
import type { TaskFacts } from '../../../src/roles/relay/chainFacts.js'
import { type Cast, problemOf, startTestRelay, TASK_ID, type TestRelay, taskOf } from './testRelay.js'

type Who = Exclude<keyof Cast, 'relay'>
const EVERYONE: readonly Who[] = ['creator', 'node1', 'node2', 'node3', 'stranger']
const MISSING = `0x${'0f'.repeat(32)}`
const FILE = new Uint8Array([1, 2, 3])

type Route = {
  name: string
  request: (taskId: string) => [method: string, path: string, body?: Uint8Array | object]
  /** Statuses of those who may; everybody else gets the stranger's 404. */
  allowed: Partial<Record<Who, number>>
}

/** In a started task; node 1 is the uploader only later. */
const STARTED: readonly Route[] = [
  {
    name: 'PUT arguments',
    request: (id) => ['PUT', `/v1/tasks/${id}/arguments`, FILE],
    allowed: { creator: 201 },
  },
  {
    name: 'GET arguments',
    request: (id) => ['GET', `/v1/tasks/${id}/arguments`],
    allowed: { node1: 200, node2: 200, node3: 200 },
  },
  { name: 'PUT result', request: (id) => ['PUT', `/v1/tasks/${id}/results/0`, FILE], allowed: {} },
  { name: 'POST results', request: (id) => ['POST', `/v1/tasks/${id}/results`], allowed: {} },
  { name: 'GET results', request: (id) => ['GET', `/v1/tasks/${id}/results`], allowed: { creator: 404 } },
  {
    name: 'POST dispute',
    request: (id) => [
      'POST',
      `/v1/tasks/${id}/dispute`,
      { identity: `AGE-SECRET-KEY-1${'Q'.repeat(58)}`, argumentsDigest: TASK_ID },
    ],
    allowed: { creator: 409 },
  },
]

const AWAITING_UPLOAD: readonly Route[] = [
  { name: 'PUT arguments', request: (id) => ['PUT', `/v1/tasks/${id}/arguments`, FILE], allowed: { creator: 409 } },
  { name: 'PUT result', request: (id) => ['PUT', `/v1/tasks/${id}/results/0`, FILE], allowed: { node1: 201 } },
  { name: 'PUT the other', request: (id) => ['PUT', `/v1/tasks/${id}/results/1`, FILE], allowed: { node1: 201 } },
  { name: 'POST results', request: (id) => ['POST', `/v1/tasks/${id}/results`], allowed: { node1: 200 } },
  { name: 'GET results', request: (id) => ['GET', `/v1/tasks/${id}/results`], allowed: { creator: 200 } },
  { name: 'GET result', request: (id) => ['GET', `/v1/tasks/${id}/results/1`], allowed: { creator: 200 } },
  { name: 'DELETE task', request: (id) => ['DELETE', `/v1/tasks/${id}`], allowed: { creator: 200 } },
]

async function answersOf(relay: TestRelay, route: Route, taskId: string) {
  const answers: Partial<Record<Who, [number, string | undefined]>> = {}
  for (const who of EVERYONE) answers[who] = await problemOf(await relay.as(relay.cast[who], ...route.request(taskId)))
  return answers
}

async function checkMatrix(relay: TestRelay, routes: readonly Route[]) {
  for (const route of routes) {
    const answers = await answersOf(relay, route, TASK_ID)
    for (const who of EVERYONE) {
      const expected = route.allowed[who]
      const [status, code] = answers[who] ?? []
      if (expected === undefined) expect([route.name, who, status, code]).toEqual([route.name, who, 404, 'not-found'])
      else expect([route.name, who, status]).toEqual([route.name, who, expected])
      if (expected !== undefined) expect(code).not.toBe('not-found')
    }
    const [method, path, body] = route.request(TASK_ID)
    expect(await problemOf(await relay.as(null, method, path, body))).toEqual([401, 'not-signed-in'])
  }
}

describe('who may do what', () => {
  test('in a started task', async () => {
    await checkMatrix(await startTestRelay(), STARTED)
  })

  test('in a task that awaits its upload', async () => {
    const relay = await startTestRelay()
    relay.chain.change(TASK_ID, { state: 'awaitingUpload', uploader: relay.cast.node1.address })
    await checkMatrix(relay, AWAITING_UPLOAD)
  })

  test('events are for the creator and the drawn nodes', async () => {
    const relay = await startTestRelay()
    for (const who of EVERYONE) {
      const response = await relay.as(relay.cast[who], 'GET', `/v1/tasks/${TASK_ID}/events`)
      expect([who, response.status]).toEqual([who, who === 'stranger' ? 404 : 200])
      await response.body?.cancel()
    }
  })

  test('a stranger cannot tell a task of others from none, from a malformed id, or from one of another relay', async () => {
    const relay = await startTestRelay()
    const { stranger, creator } = relay.cast
    const elsewhere = `0x${'0e'.repeat(32)}` as const
    relay.chain.set(elsewhere, taskOf(relay.cast, { relay: stranger.address }))
    const odd = [MISSING, elsewhere, '0x12', `${TASK_ID}00`, TASK_ID.slice(2)]
    for (const route of [...STARTED, ...AWAITING_UPLOAD]) {
      const reference = await relay.as(stranger, ...route.request(TASK_ID))
      const document = await reference.text()
      expect(JSON.parse(document)).toMatchObject({ status: 404, code: 'not-found' })
      for (const id of odd) {
        for (const wallet of [stranger, creator]) {
          const response = await relay.as(wallet, ...route.request(id))
          expect([route.name, id, response.status, await response.text()]).toEqual([route.name, id, 404, document])
        }
      }
    }
  })

  test('ids are the same in either case', async () => {
    const relay = await startTestRelay()
    const upper = `0x${TASK_ID.slice(2).toUpperCase()}`
    expect((await relay.as(relay.cast.creator, 'PUT', `/v1/tasks/${upper}/arguments`, FILE)).status).toBe(201)
    expect((await relay.as(relay.cast.node1, 'GET', `/v1/tasks/${TASK_ID}/arguments`)).status).toBe(200)
  })

  test.each([
    '/v1/tasks/../../etc/passwd/arguments',
    '/v1/tasks/%2e%2e%2f%2e%2e%2fetc%2fpasswd/arguments',
    '/v1/tasks/..%5c..%5c/arguments',
    `/v1/tasks/${TASK_ID}%00/arguments`,
    `/v1/tasks/${TASK_ID}%2f..%2f/arguments`,
    `/v1/tasks/%ff%fe/arguments`,
    `/v1/tasks/${'．'.repeat(2)}/arguments`,
    `/v1/tasks/${TASK_ID}/results/..`,
    `/v1/tasks/${TASK_ID}/results/%2e%2e%2f0`,
    `/v1/tasks/${TASK_ID}/results/00`,
    `/v1/tasks/${TASK_ID}/results/2`,
    `/v1/tasks/${TASK_ID}/results/-1`,
    `/v1/tasks/${TASK_ID}/results/1e0`,
    `/v1/tasks/${TASK_ID}/results/0x0`,
  ])('%s leads nowhere', async (path) => {
    const relay = await startTestRelay()
    const { creator, node1 } = relay.cast
    relay.chain.change(TASK_ID, { state: 'awaitingUpload', uploader: node1.address })
    for (const index of [0, 1]) await relay.as(node1, 'PUT', `/v1/tasks/${TASK_ID}/results/${index}`, FILE)
    await relay.as(node1, 'POST', `/v1/tasks/${TASK_ID}/results`)
    for (const [wallet, method] of [
      [creator, 'GET'],
      [node1, 'PUT'],
    ] as const) {
      const response = await relay.as(wallet, method, path, method === 'PUT' ? FILE : undefined)
      expect(response.status).toBe(404)
    }
  })
})

describe('rights follow the chain', () => {
  test('when the verdict comes, when the upload passes on, when it is over', async () => {
    const relay = await startTestRelay()
    const { node1, node2 } = relay.cast
    const put = async (wallet = node1) =>
      problemOf(await relay.as(wallet, 'PUT', `/v1/tasks/${TASK_ID}/results/0`, FILE))
    const at = (fields: Partial<TaskFacts>) => relay.chain.change(TASK_ID, fields)
    expect(await put()).toEqual([404, 'not-found'])
    at({ state: 'revealing', uploader: node1.address })
    expect(await put()).toEqual([409, 'wrong-state'])
    at({ state: 'awaitingUpload' })
    expect(await put()).toEqual([201, undefined])
    at({ uploader: node2.address })
    expect(await put()).toEqual([404, 'not-found'])
    expect(await put(node2)).toEqual([201, undefined])
    at({ state: 'completed' })
    expect(await put(node2)).toEqual([409, 'wrong-state'])
    at({ redelivery: true, uploader: node1.address.toLowerCase() as Address })
    expect(await put()).toEqual([200, undefined])
  })

  test('when the chain cannot be read, nobody gets anything', async () => {
    const relay = await startTestRelay()
    await relay.as(relay.cast.creator, 'PUT', `/v1/tasks/${TASK_ID}/arguments`, FILE)
    relay.chain.failWith = new Error('connection refused at 10.0.0.1')
    const response = await relay.as(relay.cast.node1, 'GET', `/v1/tasks/${TASK_ID}/arguments`)
    const text = await response.text()
    expect(response.status).toBe(500)
    expect(text).not.toContain('10.0.0.1')
  })
})
