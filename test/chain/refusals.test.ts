import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { parseCnx } from '../../src/base/units.js'
import { type ChainWriter, createChainReader, createChainWriter } from '../../src/chain/client.js'
import { contractErrorsAbi } from '../../src/chain/contractErrors.js'
import { readNode } from '../../src/chain/read/node.js'
import { hasRevertReason, revertReasonOf } from '../../src/chain/revertReasons.js'
import { watchBlocks } from '../../src/chain/watch.js'
import { createTask } from '../../src/chain/write/createTask.js'
import { deposit } from '../../src/chain/write/deposit.js'
import { joinNetwork } from '../../src/chain/write/joinNetwork.js'
import { pauseNode } from '../../src/chain/write/pauseNode.js'
import { startTask } from '../../src/chain/write/startTask.js'
import { transferToken } from '../../src/chain/write/transferToken.js'
import { createWallet } from '../../src/protocol/wallet.js'
import { deployTestNetwork, startAnvil, type TestAnvil, type TestNetwork, testBytes32 } from '../helpers/anvil.js'
import { until } from '../helpers/until.js'

const relay = createWallet({ privateKey: testBytes32(77) }).address
let anvil: TestAnvil
let network: TestNetwork
let app: ChainWriter

beforeAll(async () => {
  anvil = await startAnvil()
  network = await deployTestNetwork(anvil, { relays: [{ address: relay, url: 'https://relay.example' }] })
  app = await network.writerFor()
})
afterAll(() => anvil.stop())

const request = {
  kind: 'image',
  imageCount: 1,
  minVramGb: 8,
  gpuModel: testBytes32(0),
  executionTimeoutSeconds: 60,
  relay,
  argsHash: testBytes32(1),
  feeWei: parseCnx('3'),
} as const

describe('what the contracts refuse', () => {
  it('has a sentence and a remedy for every error of ours', () => {
    const ours = contractErrorsAbi.flatMap((item) =>
      item.type === 'error' && item.name.includes('_') ? [item.name] : [],
    )
    expect(ours.length).toBeGreaterThan(30)
    expect(ours.filter((name) => !hasRevertReason(name))).toEqual([])
    for (const item of contractErrorsAbi) {
      if (item.type !== 'error') continue
      const reason = revertReasonOf(
        item.name,
        item.inputs.map(() => 1n),
      )
      expect(reason.message).not.toMatch(/undefined|NaN/)
      expect(reason.remedy).not.toBe('')
    }
  })

  it('tells what is short: ledger, tokens, stake, gas, nodes', async () => {
    const poor = await network.writerFor(undefined, { cnx: '10' })
    const broke = createChainWriter(network.reader, {
      account: createWallet({ privateKey: testBytes32(4242) }).account,
    })
    await expect(createTask(poor, { ...request, taskKey: testBytes32(1) })).rejects.toMatchObject({
      message: `the ledger holds 0 CNX for ${poor.account.address}, and 3 CNX are needed`,
      errorName: 'TaskConsensus_InsufficientBalance',
      exitCode: 4,
    })
    const join = { gpuModel: testBytes32(2), vramGb: 8, encryptionKey: testBytes32(3) }
    await expect(joinNetwork(poor, { ...join, stakeWei: parseCnx('400') })).rejects.toMatchObject({
      message: 'the wallet holds 10 CNX, and 400 CNX are needed',
      exitCode: 4,
    })
    await expect(joinNetwork(app, { ...join, stakeWei: parseCnx('1') })).rejects.toMatchObject({
      message: 'a stake of 1 CNX is too low: 400 CNX are needed',
      exitCode: 4,
    })
    await expect(pauseNode(broke)).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining('is no node'),
    })
    await expect(transferToken(broke, { to: app.account.address, amountWei: 0n })).rejects.toMatchObject({
      code: 'CRYNUX_INSUFFICIENT_FUNDS',
      exitCode: 4,
    })
    await deposit(app, { amountWei: parseCnx('3') })
    const { taskId } = await createTask(app, { ...request, taskKey: testBytes32(1) })
    await expect(startTask(app, { taskId })).rejects.toMatchObject({
      message: 'only 0 suitable nodes are free, and three are needed',
      exitCode: 7,
    })
    await expect(createTask(app, { ...request, taskKey: testBytes32(1) })).rejects.toMatchObject({
      errorName: 'TaskConsensus_TaskExists',
    })
  })
})

describe('sending', () => {
  it('numbers transactions that are sent at once, also from two processes with one wallet', async () => {
    const sender = await network.writerFor()
    const twin = createChainWriter(network.reader, { account: sender.account })
    const sent = await Promise.all(
      [sender, twin, sender, twin, sender, twin].map((chain) =>
        transferToken(chain, { to: app.account.address, amountWei: 1n }),
      ),
    )
    expect(new Set(sent.map(({ hash }) => hash)).size).toBe(6)
    for (const { gasUsed, blockNumber } of sent) {
      expect(gasUsed).toBeGreaterThan(21_000n)
      expect(blockNumber).toBeGreaterThan(0)
    }
  })

  it('waits for a transaction that is mined late, and for its confirmations', async () => {
    const patient = await createChainReader({
      profile: network.profile,
      rpcUrl: anvil.rpcUrl,
      pollingIntervalMs: 20,
      confirmations: 3,
    })
    const writer = createChainWriter(patient, { account: (await network.writerFor()).account })
    await anvil.request('evm_setAutomine', [false])
    try {
      let mined: number | undefined
      const sent = transferToken(writer, { to: app.account.address, amountWei: 1n }).then(({ blockNumber }) => {
        mined = blockNumber
      })
      await until(async () => (await pendingCount()) > 0, { what: 'the transaction to be pending' })
      // One block at a time: it must not be taken for done before the third.
      for (let blocks = 0; blocks < 10 && mined === undefined; blocks++) {
        await anvil.testClient.mine({ blocks: 1 })
        await systemClock.sleep(100)
      }
      await sent
      const depth = Number(await patient.client.getBlockNumber()) - (mined ?? 0) + 1
      expect(depth).toBeGreaterThanOrEqual(3)
    } finally {
      await anvil.request('evm_setAutomine', [true])
    }
  })

  it('offers a dropped transaction again with a higher fee, under the same number', async () => {
    let skipped = 0
    const clock = { ...systemClock, now: () => systemClock.now() + skipped }
    const reader = await createChainReader({
      profile: network.profile,
      rpcUrl: anvil.rpcUrl,
      pollingIntervalMs: 20,
      clock,
    })
    const { account } = await network.writerFor()
    const writer = createChainWriter(reader, { account })
    const before = await reader.client.getTransactionCount({ address: account.address })
    await anvil.request('evm_setAutomine', [false])
    try {
      const sent = transferToken(writer, { to: app.account.address, amountWei: 7n })
      await until(async () => (await pendingCount()) > 0, { what: 'the transaction to be pending' })
      await anvil.request('anvil_dropAllTransactions', [])
      skipped = 60_000
      await until(async () => (await pendingCount()) > 0, { what: 'the transaction to be offered again' })
      await anvil.testClient.mine({ blocks: 1 })
      await sent
      expect(await reader.client.getTransactionCount({ address: account.address })).toBe(before + 1)
    } finally {
      await anvil.request('evm_setAutomine', [true])
    }
  })

  const pendingCount = async () => Number(((await anvil.request('txpool_status', [])) as { pending: string }).pending)
})

describe('endpoints', () => {
  const servers: Server[] = []
  const serve = async (answer: (method: string) => { status?: number; body: string }): Promise<string> => {
    const server = createServer((incoming, outgoing) => {
      let body = ''
      incoming.on('data', (part) => {
        body += part
      })
      incoming.on('end', () => {
        const { method, id } = JSON.parse(body) as { method: string; id: number }
        const { status = 200, body: text } = answer(method)
        outgoing.writeHead(status, { 'content-type': 'application/json' }).end(text.replace('"ID"', String(id)))
      })
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v3/secret-access-key`
  }
  afterEach(() => {
    for (const server of servers.splice(0)) server.close()
  })
  const failureOf = async (rpcUrl: string): Promise<Record<string, unknown>> =>
    createChainReader({ profile: network.profile, rpcUrl }).then(
      () => ({}),
      (error: unknown) => error as Record<string, unknown>,
    )

  it.each([
    ['another chain', () => ({ body: '{"jsonrpc":"2.0","id":"ID","result":"0x1"}' }), 'serves chain 1, and network'],
    ['a refusal', () => ({ status: 401, body: '{}' }), 'HTTP status 401'],
    ['no JSON', () => ({ body: '<html>' }), 'cannot be used'],
  ])('refuses %s without quoting the address', async (_name, answer, message) => {
    const error = await failureOf(await serve(answer))
    expect(error).toMatchObject({ exitCode: 5, message: expect.stringContaining(message) })
    expect(`${error.message}${error.remedy}${JSON.stringify(error.details)}`).not.toContain('secret-access-key')
  })

  it('refuses nobody listening, an address of another kind, and a chain without the contracts', async () => {
    expect(await failureOf('http://127.0.0.1:9')).toMatchObject({ code: 'CRYNUX_CHAIN_UNREACHABLE', exitCode: 5 })
    expect(await failureOf('ftp://example')).toMatchObject({ code: 'CRYNUX_CHAIN_UNREACHABLE' })
    const profile = {
      ...network.profile,
      contracts: { ...network.profile.contracts, consensus: testBytes32(1).slice(0, 42) as `0x${string}` },
    }
    await expect(createChainReader({ profile, rpcUrl: anvil.rpcUrl })).rejects.toMatchObject({
      code: 'CRYNUX_WRONG_CHAIN',
    })
  })

  it('uses those of several endpoints that answer for the right chain', async () => {
    const wrong = await serve(() => ({ body: '{"jsonrpc":"2.0","id":"ID","result":"0x1"}' }))
    const reader = await createChainReader({ profile: network.profile, rpcUrl: `${wrong}, ${anvil.rpcUrl}` })
    expect((await readNode(reader, { node: app.account.address })).status).toBe('none')
  })

  it('watches blocks over an outage', async () => {
    const reader = await createChainReader({ profile: network.profile, rpcUrl: anvil.rpcUrl, pollingIntervalMs: 10 })
    const stop = new AbortController()
    const seen: number[] = []
    let wake: () => void = () => undefined
    watchBlocks(reader, {
      signal: stop.signal,
      onBlock: ({ number }) => {
        seen.push(number)
        wake()
      },
    })
    const until = (count: number) =>
      new Promise<void>((resolve) => {
        wake = () => seen.length >= count && resolve()
        wake()
      })
    await until(1)
    await anvil.testClient.mine({ blocks: 2 })
    await until(2)
    stop.abort()
    expect(seen[1]).toBe((seen[0] ?? 0) + 2)
  })
})
