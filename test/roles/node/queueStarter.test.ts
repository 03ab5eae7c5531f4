import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Hex } from '../../../src/base/hex.js'
import { silentLogger } from '../../../src/base/logger.js'
import { parseCnx } from '../../../src/base/units.js'
import type { ChainWriter } from '../../../src/chain/client.js'
import { readTask } from '../../../src/chain/read/task.js'
import { createTask, type TaskRequest } from '../../../src/chain/write/createTask.js'
import { deposit } from '../../../src/chain/write/deposit.js'
import { joinNetwork } from '../../../src/chain/write/joinNetwork.js'
import { createQueueStarter, isSuitable, staggerOf } from '../../../src/roles/node/queueStarter.js'
import { deployTestNetwork, startAnvil, type TestAnvil, type TestNetwork, testBytes32 } from '../../helpers/anvil.js'

const RELAY = `0x${'7'.repeat(40)}` as const
const GPU = testBytes32(1)
let anvil: TestAnvil
let network: TestNetwork
let app: ChainWriter
let nodes: ChainWriter[]
let snapshot: unknown

beforeAll(async () => {
  anvil = await startAnvil()
  network = await deployTestNetwork(anvil, { relays: [{ address: RELAY, url: 'https://relay.example' }] })
  app = await network.writerFor()
  nodes = [await network.writerFor(), await network.writerFor(), await network.writerFor(), await network.writerFor()]
  for (const [index, node] of nodes.slice(0, 3).entries()) await join(node, index)
  await deposit(app, { amountWei: parseCnx('300') })
  snapshot = await anvil.request('evm_snapshot', [])
})
afterAll(() => anvil?.stop())

const join = (node: ChainWriter, index: number, vramGb = 8) =>
  joinNetwork(node, { stakeWei: parseCnx('400'), gpuModel: GPU, vramGb, encryptionKey: testBytes32(9 + index) })

const request = (change: Partial<TaskRequest> = {}): TaskRequest => ({
  taskKey: testBytes32(5),
  kind: 'image',
  imageCount: 1,
  minVramGb: 8,
  gpuModel: testBytes32(0),
  executionTimeoutSeconds: 60,
  relay: RELAY,
  argsHash: testBytes32(1),
  feeWei: parseCnx('30'),
  ...change,
})

const first = (): ChainWriter => nodes[0] as ChainWriter
const blockNumber = async () => Number(await app.client.getBlockNumber({ cacheTime: 0 }))
const stateOf = async (taskId: Hex) => (await readTask(app, { taskId }))?.state

/** Each starter looks at each of the next blocks; resolves to how many transactions each has sent. */
async function watch(writers: ChainWriter[], blocks: number): Promise<number[]> {
  const starters = writers.map((chain) => createQueueStarter({ chain, logger: silentLogger }))
  const counts = () => Promise.all(writers.map(({ account, client }) => client.getTransactionCount(account)))
  const before = await counts()
  for (let index = 0; index < blocks; index++) {
    await anvil.testClient.mine({ blocks: 1 })
    for (const starter of starters) await starter.look(await blockNumber())
  }
  return (await counts()).map((count, index) => count - (before[index] ?? 0))
}

describe('a node that is free', () => {
  it('starts a task that nobody starts: not at once, and one node only', async () => {
    const { taskId } = await createTask(app, request())
    expect(await watch(nodes.slice(0, 3), 5)).toEqual([0, 0, 0])
    expect(await stateOf(taskId)).toBe('queued')
    const sent = await watch(nodes.slice(0, 3), 24)
    expect(await stateOf(taskId)).toBe('started')
    expect(sent.reduce((sum, count) => sum + count)).toBe(1)
    await reset()
  })

  it('leaves alone what it cannot be drawn for, what cannot start, and what is forgotten', async () => {
    const big = await createTask(app, request({ taskKey: testBytes32(6), minVramGb: 9 }))
    const other = await createTask(
      app,
      request({ taskKey: testBytes32(7), kind: 'text', imageCount: 0, gpuModel: testBytes32(2) }),
    )
    expect(await watch([first()], 30)).toEqual([0])
    expect(await watch([nodes[3] as ChainWriter], 30)).toEqual([0])
    const { taskId } = await createTask(app, request())
    // One node with too little memory, while three others could be drawn.
    await join(nodes[3] as ChainWriter, 3, 4)
    expect(await watch([nodes[3] as ChainWriter], 30)).toEqual([0])
    await anvil.testClient.mine({ blocks: 230 })
    expect(await watch([first()], 24)).toEqual([0])
    for (const { taskId: id } of [big, other, { taskId }]) expect(await stateOf(id)).toBe('queued')
    await reset()
  })

  it('starts one of many, then pauses', async () => {
    for (let index = 3; index < 12; index++) await join(nodes[index] ?? (await network.writerFor()), index)
    for (let key = 20; key < 24; key++) await createTask(app, request({ taskKey: testBytes32(key) }))
    expect(await watch([nodes[3] as ChainWriter], 30)).toEqual([1])
    await reset()
  })

  it('keeps the coin that its own work needs', async () => {
    const { taskId } = await createTask(app, request())
    await anvil.request('anvil_setBalance', [first().account.address, '0x38d7ea4c68000'])
    expect(await watch([first()], 30)).toEqual([0])
    expect(await stateOf(taskId)).toBe('queued')
    await reset()
  })
})

/** The next test begins where this one began. */
async function reset(): Promise<void> {
  await anvil.request('evm_revert', [snapshot])
  snapshot = await anvil.request('evm_snapshot', [])
}

it('suits a task by model and memory, while it is queued', () => {
  const node = { gpuModel: GPU, vramGb: 8 }
  const task = { state: 'queued' as const, gpuModel: testBytes32(0), minVramGb: 8 }
  expect(isSuitable(node, task)).toBe(true)
  expect(isSuitable(node, { ...task, gpuModel: GPU })).toBe(true)
  expect(isSuitable(node, { ...task, gpuModel: testBytes32(2) })).toBe(false)
  expect(isSuitable(node, { ...task, minVramGb: 9 })).toBe(false)
  expect(isSuitable(node, { ...task, state: 'started' })).toBe(false)
})

it('staggers nodes by task and address, always the same way', () => {
  const addresses = Array.from(
    { length: 200 },
    (_, index) => `0x${(index + 1).toString(16).padStart(40, '0')}` as const,
  )
  const staggers = addresses.map((address) => staggerOf(testBytes32(1), address))
  expect(staggers).toEqual(addresses.map((address) => staggerOf(testBytes32(1), address)))
  expect([...new Set(staggers)].sort((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, index) => index))
  expect(addresses.map((address) => staggerOf(testBytes32(2), address))).not.toEqual(staggers)
})
