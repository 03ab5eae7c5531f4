import { keccak256, toHex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Address, Hex } from '../../src/base/hex.js'
import { parseCnx } from '../../src/base/units.js'
import type { ChainWriter } from '../../src/chain/client.js'
import { readLedgerBalance } from '../../src/chain/read/ledgerBalance.js'
import { readTask } from '../../src/chain/read/task.js'
import { commitOutcome } from '../../src/chain/write/commitOutcome.js'
import { createTask, type TaskRequest } from '../../src/chain/write/createTask.js'
import { deposit } from '../../src/chain/write/deposit.js'
import { joinNetwork } from '../../src/chain/write/joinNetwork.js'
import { startTask } from '../../src/chain/write/startTask.js'
import { commitmentOf } from '../../src/protocol/commitment.js'
import { OUTCOME } from '../../src/protocol/outcome.js'
import { createWallet } from '../../src/protocol/wallet.js'
import { deployTestNetwork, startAnvil, type TestAnvil, type TestNetwork, testBytes32 } from '../helpers/anvil.js'

const NODES = 12
const FEE = parseCnx('3')
const relay = createWallet({ privateKey: testBytes32(78) })
let anvil: TestAnvil
let network: TestNetwork
let app: ChainWriter
let nodes: ChainWriter[]
let taskNumber = 0

beforeAll(async () => {
  anvil = await startAnvil()
  network = await deployTestNetwork(anvil, { relays: [{ address: relay.address, url: 'https://relay.example' }] })
  app = await network.writerFor()
  nodes = await Promise.all(Array.from({ length: NODES }, () => network.writerFor()))
  for (const [index, node] of nodes.entries()) {
    await joinNetwork(node, {
      stakeWei: parseCnx('400'),
      gpuModel: keccak256(toHex('a card')),
      vramGb: 24,
      encryptionKey: testBytes32(100 + index),
    })
  }
  await deposit(app, { amountWei: parseCnx('100') })
})
afterAll(() => anvil.stop())

const requestOf = (): TaskRequest => ({
  taskKey: testBytes32(++taskNumber),
  kind: 'image',
  imageCount: 1,
  minVramGb: 8,
  gpuModel: testBytes32(0),
  executionTimeoutSeconds: 60,
  relay: relay.address,
  argsHash: testBytes32(1),
  feeWei: FEE,
})

/** Replaces the last blocks by empty ones; what they held is not offered again by anybody but its senders. */
async function reorganise(depth: number): Promise<void> {
  await anvil.request('anvil_reorg', [depth, []])
  await anvil.request('anvil_dropAllTransactions', [])
}

const blockNumber = () => app.client.getBlockNumber({ cacheTime: 0 })
const balance = () => readLedgerBalance(app, { account: app.account.address })
const slotsOf = async (taskId: Hex): Promise<Address[]> =>
  (await readTask(app, { taskId }))?.slots.map(({ node }) => node) ?? []

const commit = (node: ChainWriter, taskId: Hex, slot = 0) =>
  commitOutcome(node, {
    taskId,
    slot,
    commitment: commitmentOf({
      chainId: network.profile.chainId,
      consensus: network.profile.contracts.consensus,
      taskId,
      node: node.account.address,
      outcome: OUTCOME.result,
      score: '0x0123456789abcdef',
      salt: keccak256(node.account.address),
    }),
  })

const writerOf = (address: Address | undefined): ChainWriter =>
  nodes.find(({ account }) => account.address === address) as ChainWriter

describe('a reorganisation', () => {
  it('of the creating block changes the draw, and the fee is still paid once', async () => {
    const request = requestOf()
    const before = await balance()
    const draws = new Set<string>()
    for (let round = 0; round < 5; round++) {
      const created = await blockNumber()
      const { taskId } = await createTask(app, request)
      await anvil.testClient.mine({ blocks: 1 })
      expect(await startTask(app, { taskId })).toMatchObject({ started: true })
      expect(await balance()).toBe(before - FEE)
      draws.add((await slotsOf(taskId)).join())
      await reorganise(Number((await blockNumber()) - created))
      expect(await readTask(app, { taskId })).toBeNull()
      expect(await balance()).toBe(before)
    }
    // 1,320 ordered draws are possible: that even two of five are the same happens once in 130 times.
    expect(draws.size).toBeGreaterThanOrEqual(4)
  })

  it('of the starting block only leads to the same draw again', async () => {
    const { taskId } = await createTask(app, requestOf())
    await anvil.testClient.mine({ blocks: 1 })
    await startTask(app, { taskId })
    const drawn = await slotsOf(taskId)
    await reorganise(1)
    expect(await readTask(app, { taskId })).toMatchObject({ state: 'queued', slots: [] })
    await startTask(app, { taskId })
    expect(await slotsOf(taskId)).toEqual(drawn)
  })

  it('takes a commitment back, which its node can then repeat, once', async () => {
    const { taskId } = await createTask(app, requestOf())
    await anvil.testClient.mine({ blocks: 1 })
    await startTask(app, { taskId })
    const [first] = await slotsOf(taskId)
    const committed = async () => (await readTask(app, { taskId }))?.slots.map((slot) => slot.committed)
    await commit(writerOf(first), taskId)
    expect(await committed()).toEqual([true, false, false])
    await reorganise(1)
    expect(await committed()).toEqual([false, false, false])
    await commit(writerOf(first), taskId)
    expect(await committed()).toEqual([true, false, false])
    await expect(commit(writerOf(first), taskId)).rejects.toMatchObject({
      errorName: 'TaskConsensus_AlreadyCommitted',
    })
  })

  it('of draw and commitment leaves nothing to a node that is not drawn again', async () => {
    const request = requestOf()
    for (;;) {
      const created = await blockNumber()
      const { taskId } = await createTask(app, request)
      await anvil.testClient.mine({ blocks: 1 })
      await startTask(app, { taskId })
      const [early] = await slotsOf(taskId)
      await commit(writerOf(early), taskId)
      await reorganise(Number((await blockNumber()) - created))
      await createTask(app, request)
      await anvil.testClient.mine({ blocks: 1 })
      await startTask(app, { taskId })
      const drawn = await slotsOf(taskId)
      if (early !== undefined && drawn.includes(early)) {
        await reorganise(Number((await blockNumber()) - created))
        continue
      }
      await expect(commit(writerOf(early), taskId)).rejects.toMatchObject({ errorName: 'TaskConsensus_NotDrawn' })
      expect((await readTask(app, { taskId }))?.slots.some((slot) => slot.committed)).toBe(false)
      return
    }
  })
})
