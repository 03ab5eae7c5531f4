import { keccak256, toHex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Address, Hex } from '../../src/base/hex.js'
import { parseCnx } from '../../src/base/units.js'
import type { ChainWriter } from '../../src/chain/client.js'
import { readAssignments } from '../../src/chain/read/assignments.js'
import { readAvailableCount } from '../../src/chain/read/availableCount.js'
import { readChainTime } from '../../src/chain/read/chainTime.js'
import { readCreatedTasks } from '../../src/chain/read/createdTasks.js'
import { readLedgerBalance } from '../../src/chain/read/ledgerBalance.js'
import { readNetwork } from '../../src/chain/read/network.js'
import { readNode } from '../../src/chain/read/node.js'
import { readNodes } from '../../src/chain/read/nodes.js'
import { type ChainTask, readTask } from '../../src/chain/read/task.js'
import { readTaskPayments } from '../../src/chain/read/taskPayments.js'
import { readTokenBalance } from '../../src/chain/read/tokenBalance.js'
import { advanceTask } from '../../src/chain/write/advanceTask.js'
import { cancelTask } from '../../src/chain/write/cancelTask.js'
import { commitOutcome } from '../../src/chain/write/commitOutcome.js'
import { createTask, type TaskRequest } from '../../src/chain/write/createTask.js'
import { deposit } from '../../src/chain/write/deposit.js'
import { increaseStake } from '../../src/chain/write/increaseStake.js'
import { joinNetwork } from '../../src/chain/write/joinNetwork.js'
import { leaveNetwork } from '../../src/chain/write/leaveNetwork.js'
import { pauseNode } from '../../src/chain/write/pauseNode.js'
import { reportFault } from '../../src/chain/write/reportFault.js'
import { reportUploaded } from '../../src/chain/write/reportUploaded.js'
import { resumeNode } from '../../src/chain/write/resumeNode.js'
import { revealOutcome } from '../../src/chain/write/revealOutcome.js'
import { setEncryptionKey } from '../../src/chain/write/setEncryptionKey.js'
import { startTask } from '../../src/chain/write/startTask.js'
import { withdraw } from '../../src/chain/write/withdraw.js'
import { withdrawStake } from '../../src/chain/write/withdrawStake.js'
import { commitmentOf } from '../../src/protocol/commitment.js'
import { OUTCOME } from '../../src/protocol/outcome.js'
import { uploadFaultTypedData, uploadReceiptTypedData } from '../../src/protocol/receipt.js'
import { createWallet } from '../../src/protocol/wallet.js'
import { deployTestNetwork, startAnvil, type TestAnvil, type TestNetwork, testBytes32 } from '../helpers/anvil.js'

const GPU = keccak256(toHex('a card'))
const SCORE = '0x0123456789abcdef'
const relayWallet = createWallet({ privateKey: testBytes32(77) })
let anvil: TestAnvil
let network: TestNetwork
let app: ChainWriter
let nodes: ChainWriter[]
let taskNumber = 0

beforeAll(async () => {
  anvil = await startAnvil()
  network = await deployTestNetwork(anvil, { relays: [{ address: relayWallet.address, url: 'https://relay.example' }] })
  app = await network.writerFor()
  nodes = await Promise.all([1, 2, 3].map(() => network.writerFor()))
  await deposit(app, { amountWei: parseCnx('100') })
})
afterAll(() => anvil.stop())

const saltOf = (node: Address): Hex => keccak256(node)
const requestOf = (changes: Partial<TaskRequest> = {}): TaskRequest => ({
  taskKey: testBytes32(++taskNumber),
  kind: 'image',
  imageCount: 1,
  minVramGb: 8,
  gpuModel: testBytes32(0),
  executionTimeoutSeconds: 60,
  relay: relayWallet.address,
  argsHash: testBytes32(1),
  feeWei: parseCnx('3'),
  ...changes,
})
const drawn = (task: ChainTask | null): ChainWriter[] =>
  (task?.slots ?? []).map(({ node }) => nodes.find(({ account }) => account.address === node) as ChainWriter)

async function commitAll(taskId: Hex, scores: readonly Hex[]): Promise<ChainWriter[]> {
  const slots = drawn(await readTask(app, { taskId }))
  for (const [index, score] of scores.entries()) {
    const node = slots[index] as ChainWriter
    const commitment = commitmentOf({
      chainId: network.profile.chainId,
      consensus: network.profile.contracts.consensus,
      taskId,
      node: node.account.address,
      outcome: OUTCOME.result,
      score,
      salt: saltOf(node.account.address),
    })
    await commitOutcome(node, { taskId, slot: index, commitment })
  }
  return slots
}

async function reveal(node: ChainWriter, taskId: Hex, score: Hex) {
  const slot = drawn(await readTask(app, { taskId })).indexOf(node)
  return revealOutcome(node, { taskId, slot, outcome: OUTCOME.result, score, salt: saltOf(node.account.address) })
}

const domain = () => ({ chainId: network.profile.chainId, consensus: network.profile.contracts.consensus })

async function reportAs(uploader: ChainWriter, taskId: Hex, resultDigest: Hex) {
  const message = { taskId, resultDigest, sizeBytes: 1234n, uploader: uploader.account.address }
  const signature = await relayWallet.account.signTypedData(uploadReceiptTypedData(domain(), message))
  return reportUploaded(uploader, { taskId, resultDigest, sizeBytes: 1234n, signature })
}

describe('the journey of nodes and tasks over the chain', () => {
  it('joins with one transaction, and reads back what joined', async () => {
    for (const [index, node] of nodes.entries()) {
      await joinNetwork(node, {
        stakeWei: parseCnx('400'),
        gpuModel: GPU,
        vramGb: 24,
        encryptionKey: testBytes32(100 + index),
      })
    }
    const [first] = nodes as [ChainWriter]
    const node = { node: first.account.address }
    expect(await readNode(app, node)).toEqual({
      address: first.account.address,
      status: 'available',
      stakeWei: parseCnx('400'),
      gpuModel: GPU,
      vramGb: 24,
      encryptionKey: testBytes32(100),
      beneficiary: first.account.address,
      pendingBeneficiary: null,
      beneficiaryChangeAt: 0,
      unbondingEndsAt: 0,
    })
    await pauseNode(first)
    expect((await readNode(app, node)).status).toBe('paused')
    await setEncryptionKey(first, { encryptionKey: testBytes32(200) })
    await increaseStake(first, { amountWei: 5n })
    expect(await readNode(app, node)).toMatchObject({ encryptionKey: testBytes32(200), stakeWei: parseCnx('400') + 5n })
    expect(await readAvailableCount(app, { sameGpu: true, minVramGb: 0, gpuModel: GPU })).toBe(2)
    await resumeNode(first)
    expect(await readAvailableCount(app, { sameGpu: false, minVramGb: 24, gpuModel: GPU })).toBe(3)
  })

  it('runs a task to its end and pays three equal shares', async () => {
    const balance = await readLedgerBalance(app, { account: app.account.address })
    const { taskId } = await createTask(app, requestOf())
    expect(await readTask(app, { taskId })).toMatchObject({ id: taskId, state: 'queued', slots: [], uploader: null })
    expect((await startTask(app, { taskId })).started).toBe(true)
    const slots = await commitAll(taskId, [SCORE, SCORE, SCORE])
    expect((await readTask(app, { taskId }))?.state).toBe('revealing')
    for (const node of slots) await reveal(node, taskId, SCORE)
    const agreed = await readTask(app, { taskId })
    expect(agreed).toMatchObject({ state: 'awaitingUpload', uploader: slots[0]?.account.address, resultDigest: null })
    expect(agreed?.uploadDeadline).toBeGreaterThan(await readChainTime(app))
    await reportAs(slots[0] as ChainWriter, taskId, testBytes32(5))
    expect(await readTask(app, { taskId })).toMatchObject({
      state: 'completed',
      abortReason: null,
      kind: 'image',
      imageCount: 1,
      creator: app.account.address,
      relay: relayWallet.address,
      feeWei: parseCnx('3'),
      resultDigest: testBytes32(5),
      redelivery: false,
      slots: slots.map(({ account }) => ({ node: account.address, revealed: true, outcome: 0, score: SCORE })),
    })
    const payments = await readTaskPayments(app, { taskId })
    expect(payments.map(({ amountWei }) => amountWei)).toEqual([1, 1, 1].map((cnx) => parseCnx(String(cnx))))
    expect(await readLedgerBalance(app, { account: app.account.address })).toBe(balance - parseCnx('3'))
    expect(await readAssignments(app, { node: nodes[0]?.account.address as Address })).toEqual([taskId])
    expect(await readCreatedTasks(app, { creator: app.account.address })).toEqual([taskId])
  })

  it('withdraws earnings to any account', async () => {
    const [node] = nodes as [ChainWriter]
    const before = await readTokenBalance(app, { account: app.account.address })
    await withdraw(node, { to: app.account.address, amountWei: parseCnx('1') })
    expect(await readTokenBalance(app, { account: app.account.address })).toBe(before + parseCnx('1'))
  })

  it('slashes a proven fault, and shows silence, cheats and faults in the statistics', async () => {
    const [faulty] = nodes as [ChainWriter]
    const { taskId } = await createTask(app, requestOf())
    await startTask(app, { taskId })
    const slots = await commitAll(taskId, [SCORE, SCORE, SCORE])
    for (const node of slots) await reveal(node, taskId, SCORE)
    const uploader = slots[0] as ChainWriter
    await reportAs(uploader, taskId, testBytes32(6))
    const message = { taskId, resultDigest: testBytes32(6), uploader: uploader.account.address }
    const signature = await relayWallet.account.signTypedData(uploadFaultTypedData(domain(), message))
    await reportFault(app, { taskId, resultDigest: testBytes32(6), signature })
    expect(await readTask(app, { taskId })).toMatchObject({ redelivery: true, uploader: slots[1]?.account.address })
    await reportAs(slots[1] as ChainWriter, taskId, testBytes32(7))
    expect(await readTask(app, { taskId })).toMatchObject({ redelivery: false, resultDigest: testBytes32(7) })

    const statistics = await readNodes(app)
    expect(statistics.map(({ address }) => address)).toEqual(nodes.map(({ account }) => account.address))
    const fault = statistics.find(({ address }) => address === uploader.account.address)
    expect(fault).toMatchObject({ status: 'none', stakeWei: 0n, slashes: 1, completed: 1, failed: 1, successRate: 0.5 })
    const others = statistics.filter(({ address }) => address !== uploader.account.address)
    for (const each of others) expect(each).toMatchObject({ slashes: 0, completed: 2, failed: 0, successRate: 1 })
    const total = statistics.reduce((sum, { earningsWei }) => sum + earningsWei, 0n)
    expect(await readNetwork(app)).toMatchObject({
      name: 'test',
      chainId: 31_337,
      nodes: { members: 2, available: 2 },
      tasks: { created: 2, open: 0, completed: 2, aborted: 0, abortedBy: {} },
      earningsWei: total,
      slashedWei: fault?.slashedWei,
      relays: [{ address: relayWallet.address, url: 'https://relay.example' }],
    })
    // Later tests need three nodes again.
    const encryptionKey = testBytes32(100)
    const again = nodes.find(({ account }) => account.address === uploader.account.address) ?? faulty
    await joinNetwork(again, { stakeWei: parseCnx('400'), gpuModel: GPU, vramGb: 24, encryptionKey })
  })

  it('does without a silent node, and passes a missed upload on after its deadline', async () => {
    const { taskId } = await createTask(app, requestOf())
    await startTask(app, { taskId })
    const slots = await commitAll(taskId, [SCORE, SCORE])
    const silent = slots[2]?.account.address as Address
    await anvil.testClient.increaseTime({ seconds: 61 })
    for (const node of slots.slice(0, 2)) await reveal(node, taskId, SCORE)
    // Nobody else has promised anything, so the verdict is certain at once; then the first uploader fails, too.
    const [late, next] = slots as [ChainWriter, ChainWriter]
    expect(await readTask(app, { taskId })).toMatchObject({ state: 'awaitingUpload', uploader: late.account.address })
    await expect(advanceTask(app, { taskId })).rejects.toMatchObject({ errorName: 'TaskConsensus_NothingToAdvance' })
    await anvil.testClient.increaseTime({ seconds: 31 })
    await advanceTask(app, { taskId })
    expect(await readTask(app, { taskId })).toMatchObject({ state: 'awaitingUpload', uploader: next.account.address })
    await reportAs(next, taskId, testBytes32(8))
    expect(await readNode(app, { node: silent })).toMatchObject({ status: 'paused' })
    const statistics = await readNodes(app)
    for (const address of [silent, late.account.address]) {
      const found = statistics.find((each) => each.address === address)
      expect(found).toMatchObject({ penalties: 1 })
      expect(found?.penaltiesWei).toBeGreaterThan(0n)
      expect(found?.failed).toBeGreaterThan(0)
    }
    for (const node of nodes) {
      if ((await readNode(app, { node: node.account.address })).status === 'paused') await resumeNode(node)
    }
  })

  it('draws text nodes of one model, and draws anew when the draw block is forgotten', async () => {
    const text = { kind: 'text', imageCount: 0, minVramGb: 0, gpuModel: GPU } as const
    const { taskId } = await createTask(app, requestOf(text))
    await anvil.testClient.mine({ blocks: 300 })
    expect((await startTask(app, { taskId })).started).toBe(false)
    const { started, gasUsed } = await startTask(app, { taskId })
    expect(started).toBe(true)
    // Half of the limit for draws that cannot be estimated.
    expect(gasUsed).toBeLessThan(300_000n)
    const task = await readTask(app, { taskId })
    expect(task).toMatchObject({ state: 'started', kind: 'text', imageCount: 0, gpuModel: GPU })
    const before = await app.client.getTransactionCount({ address: app.account.address })
    await expect(startTask(app, { taskId })).rejects.toMatchObject({ errorName: 'TaskConsensus_WrongState' })
    expect(await app.client.getTransactionCount({ address: app.account.address })).toBe(before)
    const score = keccak256('0x01')
    for (const node of await commitAll(taskId, [score, score, score])) await reveal(node, taskId, score)
    await reportAs(drawn(await readTask(app, { taskId }))[0] as ChainWriter, taskId, testBytes32(9))
    expect((await readTask(app, { taskId }))?.state).toBe('completed')
  })

  it('cancels a queued task with full refund', async () => {
    const balance = await readLedgerBalance(app, { account: app.account.address })
    const { taskId } = await createTask(app, requestOf({ minVramGb: 80 }))
    await cancelTask(app, { taskId })
    expect(await readTask(app, { taskId })).toMatchObject({ state: 'aborted', abortReason: 'cancelled' })
    expect(await readLedgerBalance(app, { account: app.account.address })).toBe(balance)
    expect((await readNetwork(app)).tasks.abortedBy).toEqual({ cancelled: 1 })
  })

  it('knows no task that was never made', async () => {
    expect(await readTask(app, { taskId: testBytes32(999) })).toBeNull()
    expect((await readNode(app, { node: app.account.address })).status).toBe('none')
  })

  it('leaves, and withdraws the stake after unbonding', async () => {
    const node = nodes[2] as ChainWriter
    const { stakeWei } = await readNode(app, { node: node.account.address })
    await leaveNetwork(node)
    const leaving = await readNode(app, { node: node.account.address })
    expect(leaving).toMatchObject({ status: 'unbonding' })
    await expect(withdrawStake(node)).rejects.toMatchObject({
      errorName: 'NodeRegistry_StillUnbonding',
      message: `the stake of node ${node.account.address} is locked until ${new Date(leaving.unbondingEndsAt * 1000).toISOString()}`,
      exitCode: 75,
    })
    await anvil.testClient.increaseTime({ seconds: 91 })
    const before = await readTokenBalance(app, { account: node.account.address })
    await anvil.testClient.mine({ blocks: 1 })
    await withdrawStake(node)
    expect(await readTokenBalance(app, { account: node.account.address })).toBe(before + stakeWei)
  })
})
