import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/base/clock.js'
import { parseCnx } from '../../../src/base/units.js'
import { type ChainWriter, createChainWriter } from '../../../src/chain/client.js'
import { readTokenBalance } from '../../../src/chain/read/tokenBalance.js'
import { deposit } from '../../../src/chain/write/deposit.js'
import { createWallet, type Wallet } from '../../../src/protocol/wallet.js'
import { changeNodeStatus } from '../../../src/roles/operator/changeNodeStatus.js'
import { changeRelay } from '../../../src/roles/operator/changeRelay.js'
import { explainStake } from '../../../src/roles/operator/explainStake.js'
import { readBalances } from '../../../src/roles/operator/readBalances.js'
import { readNodeReport } from '../../../src/roles/operator/readNodeReport.js'
import { readTaskReport } from '../../../src/roles/operator/readTaskReport.js'
import { sendTokens } from '../../../src/roles/operator/sendTokens.js'
import { stake } from '../../../src/roles/operator/stake.js'
import { unstake } from '../../../src/roles/operator/unstake.js'
import { withdrawEarnings } from '../../../src/roles/operator/withdrawEarnings.js'
import {
  deployTestNetwork,
  startAnvil,
  TEST_PARAMETERS,
  type TestAnvil,
  type TestNetwork,
  testBytes32,
} from '../../helpers/anvil.js'

const { signal } = new AbortController()
const hardware = { gpuModel: testBytes32(9), vramGb: 8 }
let anvil: TestAnvil
let network: TestNetwork
let chain: ChainWriter
let wallet: Wallet
let number = 5_000

beforeAll(async () => {
  anvil = await startAnvil()
  network = await deployTestNetwork(anvil)
  ;({ chain, wallet } = await freshOperator())
})
afterAll(() => anvil.stop())

async function freshOperator(): Promise<{ chain: ChainWriter; wallet: Wallet }> {
  const privateKey = testBytes32(++number)
  return { chain: await network.writerFor(privateKey, { cnx: '1000' }), wallet: createWallet({ privateKey }) }
}

describe('stake', () => {
  it('asks for the hardware before it joins, joins with the derived key, then adds', async () => {
    await expect(stake({ chain, wallet }, { amountWei: parseCnx('400') })).rejects.toMatchObject({ exitCode: 2 })
    await expect(stake({ chain, wallet }, { amountWei: 0n, ...hardware })).rejects.toMatchObject({ exitCode: 2 })
    expect(await stake({ chain, wallet }, { amountWei: parseCnx('400'), ...hardware })).toMatchObject({
      node: wallet.address,
      action: 'joined',
      status: 'available',
      stakeWei: parseCnx('400'),
    })
    expect(await stake({ chain, wallet }, { amountWei: parseCnx('0.5') })).toMatchObject({
      action: 'increased',
      stakeWei: parseCnx('400.5'),
    })
    await expect(stake({ chain, wallet }, { amountWei: parseCnx('600') })).rejects.toMatchObject({
      message: 'the wallet holds 599.5 CNX, and 600 CNX are needed',
      exitCode: 4,
    })
  })

  it('explains what can be lost under the rules of this network', async () => {
    const explanation = await explainStake(chain, { amountWei: parseCnx('1000') })
    expect(explanation).toMatchObject({
      stakeWei: parseCnx('1000'),
      minimumStakeWei: parseCnx('400'),
      unbondingSeconds: TEST_PARAMETERS.unbondingSeconds,
    })
    expect(new Set(explanation.risks.map(({ lossWei }) => lossWei))).toEqual(
      new Set([parseCnx('1000'), parseCnx('20')]),
    )
    expect((await explainStake(chain)).stakeWei).toBe(parseCnx('400'))
  })
})

describe('changeNodeStatus', () => {
  it('does what is asked once, and nothing when it is so already', async () => {
    expect(await changeNodeStatus(chain, { change: 'pause' })).toMatchObject({ before: 'available', status: 'paused' })
    expect(await changeNodeStatus(chain, { change: 'pause' })).toMatchObject({ status: 'paused', transaction: null })
    expect(await changeNodeStatus(chain, { change: 'resume' })).toMatchObject({ status: 'available' })
    expect(await changeNodeStatus(chain, { change: 'resume' })).toMatchObject({ transaction: null })
  })

  it('refuses a wallet that is no node', async () => {
    await expect(changeNodeStatus(network.owner, { change: 'leave' })).rejects.toMatchObject({
      code: 'CRYNUX_NOT_A_NODE',
      exitCode: 3,
    })
  })
})

describe('reports', () => {
  it('shows a node, its money and its record', async () => {
    expect(await readNodeReport(chain, { node: wallet.address })).toMatchObject({
      address: wallet.address,
      status: 'available',
      everJoined: true,
      stakeWei: parseCnx('400.5'),
      tokenWei: parseCnx('599.5'),
      ledgerWei: 0n,
      completed: 0,
      successRate: null,
      unbondingSecondsLeft: null,
    })
    expect(await readBalances(chain, { account: wallet.address })).toMatchObject({
      stakeWei: parseCnx('400.5'),
      tokenWei: parseCnx('599.5'),
    })
    expect(await readNodeReport(chain, { node: network.owner.account.address })).toMatchObject({
      status: 'none',
      everJoined: false,
    })
  })

  it('knows no task that does not exist', async () => {
    await expect(readTaskReport(chain, { taskId: testBytes32(1) })).rejects.toMatchObject({ exitCode: 2 })
  })
})

describe('unstake', () => {
  it('leaves, says when to come back, and returns the stake then', async () => {
    const operator = await freshOperator()
    await stake(operator, { amountWei: parseCnx('400'), ...hardware })
    const dependencies = { chain: operator.chain, clock: systemClock, signal }
    const left = await unstake(dependencies)
    expect(left).toMatchObject({ state: 'unbonding', secondsLeft: TEST_PARAMETERS.unbondingSeconds })
    expect(left.transactions).toHaveLength(1)
    expect(await unstake(dependencies)).toMatchObject({ state: 'unbonding', transactions: [] })
    await anvil.testClient.increaseTime({ seconds: TEST_PARAMETERS.unbondingSeconds })
    await anvil.testClient.mine({ blocks: 1 })
    expect(await unstake(dependencies)).toMatchObject({ state: 'withdrawn', stakeWei: parseCnx('400') })
    expect(await readTokenBalance(chain, { account: operator.wallet.address })).toBe(parseCnx('1000'))
    await expect(unstake(dependencies)).rejects.toMatchObject({ code: 'CRYNUX_NOT_A_NODE' })
  })

  it('waits by the clock of the chain when asked to', async () => {
    const operator = await freshOperator()
    await stake(operator, { amountWei: parseCnx('400'), ...hardware })
    const slept: number[] = []
    const clock = {
      now: systemClock.now,
      sleep: async (ms: number) => {
        slept.push(ms)
        await anvil.testClient.increaseTime({ seconds: ms / 1_000 })
        await anvil.testClient.mine({ blocks: 1 })
      },
    }
    const report = await unstake({ chain: operator.chain, clock, signal }, { wait: true })
    expect(report).toMatchObject({ state: 'withdrawn' })
    expect(slept.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThanOrEqual(
      TEST_PARAMETERS.unbondingSeconds * 1_000 - 5_000,
    )
  })

  it('stops waiting when it is told to', async () => {
    const operator = await freshOperator()
    await stake(operator, { amountWei: parseCnx('400'), ...hardware })
    const stop = new AbortController()
    const waiting = unstake(
      {
        chain: createChainWriter(network.reader, operator.wallet),
        clock: systemClock,
        signal: stop.signal,
        onWait: () => stop.abort(),
      },
      { wait: true },
    )
    await expect(waiting).rejects.toThrow(/abort/)
  })
})

describe('earnings', () => {
  it('go where they are told, some or all, and no further', async () => {
    const operator = await freshOperator()
    await expect(withdrawEarnings(operator.chain)).rejects.toMatchObject({ exitCode: 2 })
    await deposit(operator.chain, { amountWei: parseCnx('30') })
    const to = (await freshOperator()).wallet.address
    await expect(withdrawEarnings(operator.chain, { amountWei: parseCnx('31') })).rejects.toMatchObject({ exitCode: 4 })
    expect(await withdrawEarnings(operator.chain, { amountWei: parseCnx('10'), to })).toMatchObject({
      to,
      amountWei: parseCnx('10'),
      ledgerWei: parseCnx('20'),
    })
    expect(await readTokenBalance(operator.chain, { account: to })).toBe(parseCnx('1010'))
    expect(await withdrawEarnings(operator.chain)).toMatchObject({ amountWei: parseCnx('20'), ledgerWei: 0n })
    expect(await readBalances(operator.chain, { account: operator.wallet.address })).toMatchObject({
      tokenWei: parseCnx('990'),
      ledgerWei: 0n,
    })
  })
})

describe('a network of your own', () => {
  it('lists, changes and removes a relay, for its owner only', async () => {
    const relay = (await freshOperator()).wallet.address
    const url = 'https://relay.example'
    expect(await changeRelay(network.owner, { relay, url })).toMatchObject({ before: null, url })
    expect(await changeRelay(network.owner, { relay, url })).toMatchObject({ before: url, transaction: null })
    expect(await changeRelay(network.owner, { relay, url: `${url}:8443` })).toMatchObject({ before: url })
    await expect(changeRelay(chain, { relay, url: null })).rejects.toMatchObject({ exitCode: 3 })
    expect(await changeRelay(network.owner, { relay, url: null })).toMatchObject({ before: `${url}:8443`, url: null })
  })

  it('sends CNX to wallets, and not where they would be lost', async () => {
    const operator = await freshOperator()
    const to = (await freshOperator()).wallet.address
    expect(await sendTokens(operator.chain, { to, amountWei: parseCnx('0.5') })).toMatchObject({
      to,
      tokenWei: parseCnx('999.5'),
    })
    expect(await readTokenBalance(chain, { account: to })).toBe(parseCnx('1000.5'))
    await expect(sendTokens(operator.chain, { to, amountWei: parseCnx('1000') })).rejects.toMatchObject({ exitCode: 4 })
    await expect(sendTokens(operator.chain, { to, amountWei: 0n })).rejects.toMatchObject({ exitCode: 2 })
    const { registry } = chain.profile.contracts
    await expect(sendTokens(operator.chain, { to: registry, amountWei: 1n })).rejects.toMatchObject({ exitCode: 2 })
  })
})
