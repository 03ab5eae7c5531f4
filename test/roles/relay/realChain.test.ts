import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generatePrivateKey } from 'viem/accounts'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.js'
import { type Address, bytesToHex, type Hex } from '../../../src/base/hex.js'
import type { Logger } from '../../../src/base/logger.js'
import { silentLogger } from '../../../src/base/logger.js'
import { packageRoot } from '../../../src/base/packageRoot.js'
import { parseCnx } from '../../../src/base/units.js'
import type { ChainWriter } from '../../../src/chain/client.js'
import { readNode } from '../../../src/chain/read/node.js'
import { readTask, slotOf } from '../../../src/chain/read/task.js'
import { commitOutcome } from '../../../src/chain/write/commitOutcome.js'
import { createTask } from '../../../src/chain/write/createTask.js'
import { deposit } from '../../../src/chain/write/deposit.js'
import { joinNetwork } from '../../../src/chain/write/joinNetwork.js'
import { reportFault } from '../../../src/chain/write/reportFault.js'
import { reportUploaded } from '../../../src/chain/write/reportUploaded.js'
import { revealOutcome } from '../../../src/chain/write/revealOutcome.js'
import { startTask } from '../../../src/chain/write/startTask.js'
import { perceptualHashOfFile } from '../../../src/core/phash/perceptualHashOfFile.js'
import { argsHashFromDigest } from '../../../src/protocol/argsHash.js'
import { commitmentOf } from '../../../src/protocol/commitment.js'
import { encryptionKeyFromSecret } from '../../../src/protocol/encryptionKey.js'
import { seal } from '../../../src/protocol/envelope.js'
import { OUTCOME } from '../../../src/protocol/outcome.js'
import { createWallet, type Wallet } from '../../../src/protocol/wallet.js'
import { createRelayClient, type RelayClient, RelayRefusedError } from '../../../src/relayClient/client.js'
import { startRelay } from '../../../src/roles/relay/server.js'
import { deployTestNetwork, startAnvil, type TestAnvil, type TestNetwork, testBytes32 } from '../../helpers/anvil.js'
import { temporaryFolder } from './testRelay.js'

type Member = { wallet: Wallet; chain: ChainWriter; relay: RelayClient }

const relayWallet = createWallet({ privateKey: generatePrivateKey() })
const RESULT_KEY = encryptionKeyFromSecret(new Uint8Array(32).fill(9))
/** What shows that the key is the task's. */
const PROOF = {
  identity: RESULT_KEY.identity,
  resultRecipient: RESULT_KEY.publicKey,
  argumentsDigest: testBytes32(4),
}
const SALT: Hex = testBytes32(7)
let anvil: TestAnvil
let network: TestNetwork

beforeAll(async () => {
  anvil = await startAnvil()
  network = await deployTestNetwork(anvil, { relays: [{ address: relayWallet.address, url: 'http://127.0.0.1:0' }] })
})
afterAll(() => anvil.stop())

const picture = (name: string) => readFile(join(packageRoot, 'test/vectors/phash', name))

async function openRelay(wallet: Wallet, logger: Logger = silentLogger) {
  const relay = await startRelay({
    chain: network.reader,
    wallet,
    dataFolder: await temporaryFolder(),
    listen: { host: '127.0.0.1', port: 0 },
    clock: systemClock,
    logger,
    signal: new AbortController().signal,
  })
  onTestFinished(() => relay.close())
  return relay
}

async function createMember(url: string): Promise<Member> {
  const privateKey = generatePrivateKey()
  const wallet = createWallet({ privateKey })
  const relay = createRelayClient({ url, wallet, chainId: network.profile.chainId })
  return { wallet, chain: await network.writerFor(privateKey), relay }
}

/** Brings three nodes to agree on the score; they join first. */
async function agreedTask(app: Member, nodes: readonly Member[], score: Hex): Promise<Hex> {
  for (const { chain } of nodes) {
    const stakeWei = parseCnx('400')
    await joinNetwork(chain, { stakeWei, gpuModel: testBytes32(1), vramGb: 8, encryptionKey: testBytes32(2) })
  }
  await deposit(app.chain, { amountWei: parseCnx('10') })
  const { taskId } = await createTask(app.chain, {
    taskKey: testBytes32(3),
    kind: 'image',
    imageCount: 1,
    minVramGb: 8,
    gpuModel: testBytes32(0),
    executionTimeoutSeconds: 60,
    relay: relayWallet.address,
    argsHash: argsHashFromDigest(PROOF),
    feeWei: parseCnx('3'),
  })
  await startTask(app.chain, { taskId })
  await app.relay.putArguments(taskId, new Uint8Array([1]))
  for (const { chain, relay } of nodes) {
    expect(await relay.getArguments(taskId)).toEqual(new Uint8Array([1]))
    const { chainId, contracts } = network.profile
    const node = chain.account.address
    const promise = {
      chainId,
      consensus: contracts.consensus,
      taskId,
      node,
      outcome: OUTCOME.result,
      score,
      salt: SALT,
    }
    await commitOutcome(chain, { taskId, slot: await slotIn(chain, taskId), commitment: commitmentOf(promise) })
  }
  for (const { chain } of nodes) {
    const slot = await slotIn(chain, taskId)
    await revealOutcome(chain, { taskId, slot, outcome: OUTCOME.result, score, salt: SALT })
  }
  return taskId
}

async function slotIn(chain: ChainWriter, taskId: Hex): Promise<number> {
  const task = await readTask(chain, { taskId })
  return task ? slotOf(task, chain.account.address) : -1
}

test('a garbage upload is disputed, its uploader slashed, and the next node delivers', async () => {
  const { url } = await openRelay(relayWallet)
  const app = await createMember(url)
  const nodes = await Promise.all([createMember(url), createMember(url), createMember(url)])
  const right = await picture('checker.png')
  const wrong = await picture('gradient-x.png')
  const score = bytesToHex(await perceptualHashOfFile(right))
  const taskId = await agreedTask(app, nodes, score)
  const uploaderOf = async (): Promise<Member> => {
    const task = await readTask(network.reader, { taskId })
    return nodes.find(({ wallet }) => wallet.address === task?.uploader) as Member
  }
  const upload = async ({ chain, relay }: Member, file: Uint8Array): Promise<void> => {
    await relay.putResult(taskId, 0, await seal(file, [RESULT_KEY.publicKey]))
    await reportUploaded(chain, { taskId, ...(await relay.sealResults(taskId)) })
  }

  const cheat = await uploaderOf()
  await upload(cheat, wrong)
  expect(await readTask(network.reader, { taskId })).toMatchObject({ state: 'completed', redelivery: false })
  const verdict = await app.relay.dispute(taskId, PROOF)
  expect(verdict.faulty).toBe(true)
  await reportFault(app.chain, { taskId, resultDigest: verdict.resultDigest, signature: verdict.signature ?? '0x' })
  expect(await readNode(network.reader, { node: cheat.wallet.address })).toMatchObject({ status: 'none', stakeWei: 0n })

  const honest = await uploaderOf()
  expect(honest.wallet.address).not.toBe(cheat.wallet.address)
  await expect(cheat.relay.putResult(taskId, 0, right)).rejects.toBeInstanceOf(RelayRefusedError)
  await upload(honest, right)
  expect(await app.relay.dispute(taskId, PROOF)).toMatchObject({ faulty: false })
  expect(await app.relay.listResults(taskId)).toHaveLength(1)

  const watched: string[] = []
  const ended = app.relay.watchTask(taskId, {
    signal: new AbortController().signal,
    onEvent: ({ type, state }) => {
      watched.push(typeof state === 'string' ? state : type)
      if (type === 'results') void app.relay.deleteTask(taskId)
    },
  })
  await ended
  // Whether the sweeper has taken the arguments by now is a matter of seconds.
  expect(watched.filter((type) => type !== 'arguments')).toEqual(['completed', 'results', 'end'])

  const statistics = await fetch(`${url}/v1/stats/nodes/${cheat.wallet.address}`)
  expect(await statistics.json()).toMatchObject({ slashes: 1, slashedWei: parseCnx('400').toString() })
  const totals = (await (await fetch(`${url}/v1/stats/network`)).json()) as { tasks: { completed: number } }
  expect(totals.tasks.completed).toBe(1)
  expect((await fetch(`${url}/readyz`)).status).toBe(200)
})

test('a wallet that the chain does not list as a relay is warned about', async () => {
  const warnings: [Address | undefined, string][] = []
  const logger: Logger = {
    ...silentLogger,
    warn: ({ relay }, message) => void warnings.push([relay as Address, message]),
  }
  const unlisted = createWallet({ privateKey: generatePrivateKey() })
  await openRelay(unlisted, logger)
  expect(warnings).toEqual([[unlisted.address, expect.stringContaining('does not list this wallet')]])
})
