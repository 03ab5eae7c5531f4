import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { ChainUnreachableError } from '../../src/chain/chainError.js'
import { type ChainWriter, createChainReader, createChainWriter } from '../../src/chain/client.js'
import { readTokenBalance } from '../../src/chain/read/tokenBalance.js'
import { watchBlocks } from '../../src/chain/watch.js'
import { transferToken } from '../../src/chain/write/transferToken.js'
import { createWallet } from '../../src/protocol/wallet.js'
import { deployTestNetwork, startAnvil, type TestAnvil, type TestNetwork, testBytes32 } from '../helpers/anvil.js'
import { until } from '../helpers/until.js'

/** What happens to one request on its way: undefined lets it pass. */
type Fault = 'reset' | 'tooManyRequests' | 'internalError' | 'truncated' | 'answerLost' | undefined

let anvil: TestAnvil
let network: TestNetwork
let proxy: Server
let faultOf: (method: string) => Fault = () => undefined

beforeAll(async () => {
  anvil = await startAnvil()
  network = await deployTestNetwork(anvil)
  proxy = createServer(async (incoming, outgoing) => {
    const parts: Buffer[] = []
    for await (const part of incoming) parts.push(part as Buffer)
    const body = Buffer.concat(parts)
    const { id, method } = JSON.parse(body.toString()) as { id: number; method: string }
    const fault = faultOf(method)
    if (fault === 'reset') return incoming.socket.resetAndDestroy()
    if (fault === 'tooManyRequests') return outgoing.writeHead(429, { 'retry-after': '0' }).end()
    if (fault === 'internalError') {
      return outgoing.end(JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32603, message: 'internal error' } }))
    }
    const answer = await (
      await fetch(anvil.rpcUrl, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
    ).text()
    if (fault === 'answerLost') return incoming.socket.resetAndDestroy()
    outgoing.end(fault === 'truncated' ? answer.slice(0, answer.length / 2) : answer)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
})
afterEach(() => {
  faultOf = () => undefined
})
afterAll(async () => {
  proxy.close()
  await anvil.stop()
})

async function connect(): Promise<ChainWriter> {
  const reader = await createChainReader({
    profile: network.profile,
    rpcUrl: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    pollingIntervalMs: 20,
  })
  return createChainWriter(reader, { account: (await network.writerFor()).account })
}

it('follows no redirect: an endpoint could send us anywhere', async () => {
  let visits = 0
  const target = createServer((_incoming, outgoing) => {
    visits++
    outgoing.end()
  })
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
  const location = `http://127.0.0.1:${(target.address() as AddressInfo).port}/`
  const redirecting = createServer((_incoming, outgoing) => outgoing.writeHead(307, { location }).end())
  await new Promise<void>((resolve) => redirecting.listen(0, '127.0.0.1', resolve))
  const rpcUrl = `http://127.0.0.1:${(redirecting.address() as AddressInfo).port}`
  await expect(createChainReader({ profile: network.profile, rpcUrl })).rejects.toBeInstanceOf(ChainUnreachableError)
  expect(visits).toBe(0)
  target.close()
  redirecting.close()
})

describe('over a bad connection', { timeout: 60_000 }, () => {
  it.each(['reset', 'tooManyRequests', 'internalError'] as const)(
    'sends once though every other request meets: %s',
    async (fault) => {
      const chain = await connect()
      const to = createWallet({ privateKey: testBytes32(600 + fault.length) }).address
      let count = 0
      faultOf = () => (count++ % 2 === 0 ? fault : undefined)
      await transferToken(chain, { to, amountWei: 3n })
      faultOf = () => undefined
      expect(await readTokenBalance(chain, { account: to })).toBe(3n)
      expect(await chain.client.getTransactionCount({ address: chain.account.address })).toBe(1)
    },
  )

  it('sends once though the answers to its sending are lost', async () => {
    const chain = await connect()
    const to = createWallet({ privateKey: testBytes32(700) }).address
    faultOf = (method) => (method === 'eth_sendRawTransaction' ? 'answerLost' : undefined)
    await transferToken(chain, { to, amountWei: 3n })
    expect(await readTokenBalance(chain, { account: to })).toBe(3n)
    expect(await chain.client.getTransactionCount({ address: chain.account.address })).toBe(1)
  })

  it('says that the chain cannot be used when nothing gets through, or only halves', async () => {
    const chain = await connect()
    for (const fault of ['reset', 'truncated'] as const) {
      faultOf = () => fault
      await expect(readTokenBalance(chain, { account: chain.account.address })).rejects.toMatchObject({
        code: 'CRYNUX_CHAIN_UNREACHABLE',
        exitCode: 5,
      })
    }
  })

  it('goes on watching when the connection is back', async () => {
    const chain = await connect()
    const stop = new AbortController()
    let blocks = 0
    let errors = 0
    let onChange: () => void = () => undefined
    const until = (isReached: () => boolean) =>
      new Promise<void>((resolve) => {
        onChange = () => isReached() && resolve()
        onChange()
      })
    faultOf = () => 'reset'
    watchBlocks(chain, {
      signal: stop.signal,
      onBlock: () => {
        blocks++
        onChange()
      },
      onError: () => {
        errors++
        onChange()
      },
    })
    await until(() => errors > 0)
    faultOf = () => undefined
    await until(() => blocks > 0)
    stop.abort()
    expect(blocks).toBe(1)
  })

  it('notices that another program used the number for something else', async () => {
    let skipped = 0
    const clock = { ...systemClock, now: () => systemClock.now() + skipped }
    const reader = await createChainReader({
      profile: network.profile,
      rpcUrl: anvil.rpcUrl,
      pollingIntervalMs: 20,
      clock,
    })
    const { account } = await network.writerFor()
    const chain = createChainWriter(reader, { account })
    await anvil.request('evm_setAutomine', [false])
    try {
      const sent = transferToken(chain, { to: network.owner.account.address, amountWei: 3n }).catch(
        (error: unknown) => error,
      )
      const pending = async () =>
        (await chain.client.getTransactionCount({ address: account.address, blockTag: 'pending' })) > 0
      await until(pending, { what: 'the transaction to be pending' })
      await anvil.request('anvil_dropAllTransactions', [])
      await chain.wallet.sendTransaction({ to: account.address, value: 1n, nonce: 0 })
      await anvil.testClient.mine({ blocks: 1 })
      skipped = 60_000
      expect(await sent).toMatchObject({
        code: 'CRYNUX_TRANSACTION_NOT_MINED',
        message: expect.stringContaining('was replaced'),
      })
    } finally {
      await anvil.request('evm_setAutomine', [true])
    }
  })

  it('sends again what a reorganisation took out of the chain', async () => {
    let skipped = 0
    const clock = { ...systemClock, now: () => systemClock.now() + skipped }
    const reader = await createChainReader({
      profile: network.profile,
      rpcUrl: anvil.rpcUrl,
      pollingIntervalMs: 20,
      confirmations: 3,
      clock,
    })
    const chain = createChainWriter(reader, { account: (await network.writerFor()).account })
    const to = createWallet({ privateKey: testBytes32(800) }).address
    const countOf = () => chain.client.getTransactionCount({ address: chain.account.address })
    const sent = transferToken(chain, { to, amountWei: 3n })
    await until(async () => (await countOf()) > 0, { what: 'a transaction' })
    await anvil.request('anvil_reorg', [1, []])
    await anvil.request('anvil_dropAllTransactions', [])
    expect(await countOf()).toBe(0)
    skipped = 60_000
    await until(async () => (await countOf()) > 0, { what: 'a transaction' })
    await anvil.testClient.mine({ blocks: 3 })
    await sent
    expect(await readTokenBalance(chain, { account: to })).toBe(3n)
    expect(await countOf()).toBe(1)
  })
})
