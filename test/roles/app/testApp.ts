import { setMaxListeners } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { generatePrivateKey } from 'viem/accounts'
import { systemClock } from '../../../src/base/clock.js'
import { type Address, bytesToHex, type Hex } from '../../../src/base/hex.js'
import { silentLogger } from '../../../src/base/logger.js'
import { parseCnx } from '../../../src/base/units.js'
import { type ChainWriter, createChainReader, createChainWriter } from '../../../src/chain/client.js'
import { readLedgerBalance } from '../../../src/chain/read/ledgerBalance.js'
import { readParameters } from '../../../src/chain/read/parameters.js'
import { type ChainTask, readTask } from '../../../src/chain/read/task.js'
import { readTokenBalance } from '../../../src/chain/read/tokenBalance.js'
import { commitOutcome } from '../../../src/chain/write/commitOutcome.js'
import { joinNetwork } from '../../../src/chain/write/joinNetwork.js'
import { reportUploaded } from '../../../src/chain/write/reportUploaded.js'
import { revealOutcome } from '../../../src/chain/write/revealOutcome.js'
import { setRelay } from '../../../src/chain/write/setRelay.js'
import { perceptualHashOfFile } from '../../../src/core/phash/perceptualHashOfFile.js'
import { parseTaskArguments } from '../../../src/core/task/arguments.js'
import { argsHashOf } from '../../../src/protocol/argsHash.js'
import { commitmentOf } from '../../../src/protocol/commitment.js'
import { encryptionKeyFromSecret } from '../../../src/protocol/encryptionKey.js'
import { openArguments, seal } from '../../../src/protocol/envelope.js'
import { OUTCOME, type Outcome } from '../../../src/protocol/outcome.js'
import { taskIdOf } from '../../../src/protocol/taskId.js'
import { createWallet, type Wallet } from '../../../src/protocol/wallet.js'
import { createRelayClient, type RelayClient } from '../../../src/relayClient/client.js'
import { type SubmitOptions, taskKeyOf } from '../../../src/roles/app/prepareTask.js'
import type { TaskProgress } from '../../../src/roles/app/taskProgress.js'
import type { AppDependencies } from '../../../src/roles/app/taskSession.js'
import { startRelay } from '../../../src/roles/relay/server.js'
import { deployTestNetwork, startAnvil, type TestAnvil, type TestNetwork, testBytes32 } from '../../helpers/anvil.js'

export const PROMPT = 'the unmistakable marker 7c1f of a prompt'
export const FEE_WEI = parseCnx('30')
const SIZE = 64

/** What the test's nodes do with the tasks that they are drawn for. */
export type NodeScript = {
  /** The outcome of the n-th slot of the draw. */
  outcomeOf(slot: number): Outcome
  /** What is wrong with a task's first upload: another picture than the scored one, or sealed to another key. */
  firstUpload: 'right' | 'other picture' | 'other key'
}

/** Time flies on this chain, and a busy machine must not make honest nodes late. */
const PATIENT = {
  minimumExecutionTimeoutSeconds: 5,
  revealWindowSeconds: 1_800,
  uploadWindowSeconds: 1_800,
  unbondingSeconds: 5_400,
}

export const HONEST: NodeScript = { outcomeOf: () => OUTCOME.result, firstUpload: 'right' }

/** A network in this process: anvil, contracts, a real relay, and wallets that play nodes by a script. */
export type TestApp = {
  anvil: TestAnvil
  network: TestNetwork
  relayUrl: string
  /** Blocks are mined about every 50 ms unless paused; each is a second later than the one before. */
  /** Resolves when the last block is mined. */
  pauseMining(): Promise<void>
  resumeMining(): void
  /** Lets nodes play for the task of this creator and key, until the test app ends. */
  play(creator: Address, key: string, script?: NodeScript): Hex
  /** An application with a wallet and a data folder of its own. */
  application(options?: { cnx?: string }): Promise<TestApplication>
  stop(): Promise<void>
}

export type TestApplication = {
  wallet: Wallet
  folder: string
  /** A fresh process, so to say: nothing is shared with an earlier one but wallet and folder. */
  dependencies(options?: {
    onProgress?: (event: TaskProgress) => void
    rpcUrl?: string
    signal?: AbortSignal
  }): Promise<AppDependencies>
  submission(key: string, change?: Partial<SubmitOptions>): SubmitOptions
  /** CNX that this application holds anywhere, in wei. */
  wealthWei(): Promise<bigint>
}

export async function startTestApp({ nodes = 3 }: { nodes?: number } = {}): Promise<TestApp> {
  const stopping = new AbortController()
  const { signal } = stopping
  setMaxListeners(0, signal)
  const root = await mkdtemp(join(tmpdir(), 'crynux-app-'))
  const anvil = await startAnvil()
  const network = await deployTestNetwork(anvil, { parameters: PATIENT })
  const relayWallet = createWallet({ privateKey: generatePrivateKey() })
  const relay = await startRelay({
    chain: network.reader,
    wallet: relayWallet,
    dataFolder: join(root, 'relay'),
    listen: { host: '127.0.0.1', port: 0 },
    clock: systemClock,
    logger: silentLogger,
    signal,
  })
  await setRelay(network.owner, { relay: relayWallet.address, url: relay.url })
  const { minimumStakeWei } = await readParameters(network.reader)
  const players: Player[] = []
  for (let index = 0; index < nodes; index++) {
    const privateKey = generatePrivateKey()
    const wallet = createWallet({ privateKey })
    const chain = await network.writerFor(privateKey)
    const { publicKey } = encryptionKeyFromSecret(wallet.deriveSecret({ use: 'node encryption key' }))
    await joinNetwork(chain, {
      stakeWei: minimumStakeWei,
      gpuModel: testBytes32(1),
      vramGb: 8,
      encryptionKey: publicKey,
    })
    const { chainId } = network.profile
    players.push({ wallet, chain, relay: createRelayClient({ url: relay.url, wallet, chainId, signal }) })
  }

  await anvil.request('evm_setAutomine', [false])
  let paused = false
  let lastBlock: Promise<unknown> = Promise.resolve()
  const mining = (async () => {
    while (!signal.aborted) {
      if (!paused) lastBlock = anvil.request('evm_mine', [])
      await lastBlock
      await systemClock.sleep(50, signal).catch(() => undefined)
    }
  })()

  const playing: Promise<void>[] = []
  return {
    anvil,
    network,
    relayUrl: relay.url,
    pauseMining: async () => {
      paused = true
      await lastBlock
    },
    resumeMining: () => {
      paused = false
    },
    play: (creator, key, script = HONEST) => {
      const taskId = taskIdOf({ creator, taskKey: taskKeyOf(key) })
      const game = { uploads: 0 }
      for (const player of players) playing.push(play(player, { taskId, script, game, signal }))
      return taskId
    },
    application: async ({ cnx = '100' } = {}) => {
      const folder = await mkdtemp(join(root, 'application-'))
      const privateKey = generatePrivateKey()
      const wallet = createWallet({ privateKey })
      await network.writerFor(privateKey, { cnx })
      const { profile } = network
      return {
        wallet,
        folder,
        dependencies: async ({ onProgress, rpcUrl = anvil.rpcUrl, signal: own = signal } = {}) => {
          const reader = await createChainReader({ profile, rpcUrl, pollingIntervalMs: 20, signal: own })
          return {
            chain: createChainWriter(reader, { account: wallet.account }),
            wallet,
            openRelay: (url) => createRelayClient({ url, wallet, chainId: profile.chainId, signal: own }),
            dataFolder: join(folder, 'data'),
            clock: systemClock,
            logger: silentLogger,
            signal: own,
            ...(onProgress ? { onProgress } : {}),
          }
        },
        submission: (key, change = {}) => ({
          task: parseTaskArguments({
            base_model: 'embedded:tiny-shapes',
            prompt: PROMPT,
            task_config: { num_images: 1, image_width: SIZE, image_height: SIZE },
          }),
          key,
          feeWei: FEE_WEI,
          executionTimeoutSeconds: 3_600,
          queueTimeoutMs: 20_000,
          out: { path: join(folder, `${key}.png`), force: false },
          ...change,
        }),
        wealthWei: async () => {
          const account = wallet.address
          return (
            (await readLedgerBalance(network.reader, { account })) +
            (await readTokenBalance(network.reader, { account }))
          )
        },
      }
    },
    stop: async () => {
      stopping.abort(new DOMException('the test has ended', 'AbortError'))
      await Promise.allSettled([mining, ...playing])
      await relay.close()
      await anvil.stop()
      await rm(root, { recursive: true, force: true })
    },
  }
}

type Player = { wallet: Wallet; chain: ChainWriter; relay: RelayClient }
type Game = { taskId: Hex; script: NodeScript; game: { uploads: number }; signal: AbortSignal }

/** A node in a few lines: reads the task, does what is due. */
async function play(player: Player, game: Game): Promise<void> {
  const { chain } = player
  while (!game.signal.aborted) {
    try {
      const task = await readTask(chain, { taskId: game.taskId })
      if (task && (await playTurn(player, game, task)) === 'over') return
    } catch (error) {
      if (game.signal.aborted) return
      // Two writers met, or a deadline went by; what is due is found out anew.
      if (!(error instanceof Error && 'exitCode' in error)) throw error
    }
    await systemClock.sleep(30, game.signal).catch(() => undefined)
  }
}

async function playTurn(player: Player, { taskId, script, game }: Game, task: ChainTask): Promise<'over' | 'goes on'> {
  const { chain, wallet, relay } = player
  const index = task.slots.findIndex(({ node }) => node === wallet.address)
  const slot = task.slots[index]
  if (task.state === 'aborted') return 'over'
  if (game.uploads >= (script.firstUpload === 'right' ? 1 : 2)) return 'over'
  if (!slot) return task.state === 'queued' ? 'goes on' : 'over'
  const outcome = script.outcomeOf(index)
  const picture = await pictureOf(taskId)
  const score: Hex = outcome === OUTCOME.result ? bytesToHex(await perceptualHashOfFile(picture)) : '0x'
  const salt = bytesToHex(wallet.deriveSecret({ use: 'commit salt', taskId }))
  if (task.state === 'started' && !slot.committed) {
    if (!(await recipientOf(player, task))) return 'goes on'
    const { chainId, contracts } = chain.profile
    const commitment = commitmentOf({
      chainId,
      consensus: contracts.consensus,
      taskId,
      node: wallet.address,
      outcome,
      score,
      salt,
    })
    await commitOutcome(chain, { taskId, slot: index, commitment })
  } else if (task.state === 'revealing' && !slot.revealed) {
    await revealOutcome(chain, { taskId, slot: index, outcome, score, salt })
  } else if ((task.state === 'awaitingUpload' || task.redelivery) && task.uploader === wallet.address) {
    const recipient = recipients.get(`${taskId}/${wallet.address}`)
    if (!recipient) throw new Error('a node uploads without having seen the arguments')
    const fault = game.uploads === 0 ? script.firstUpload : 'right'
    const file = fault === 'other picture' ? await pictureOf(`0x${'99'.repeat(32)}`) : picture
    const sealedTo = fault === 'other key' ? encryptionKeyFromSecret(new Uint8Array(32).fill(9)).publicKey : recipient
    await relay.putResult(taskId, 0, await seal(file, [sealedTo]))
    await reportUploaded(chain, { taskId, ...(await relay.sealResults(taskId)) })
    game.uploads++
  }
  return 'goes on'
}

/** By task and node: what the envelope said. */
const recipients = new Map<string, Hex>()

/** Opens the envelope as a node must, and checks that it is the one whose hash stands on chain. */
async function recipientOf({ wallet, relay }: Player, task: ChainTask): Promise<Hex | null> {
  const sealed = await relay.getArguments(task.id)
  if (!sealed) return null
  const { identity } = encryptionKeyFromSecret(wallet.deriveSecret({ use: 'node encryption key' }))
  const { salt, canonicalArguments, resultRecipient } = await openArguments(sealed, identity)
  if (argsHashOf({ salt, canonicalArguments, resultRecipient }) !== task.argsHash)
    throw new Error('the arguments are not those on chain')
  recipients.set(`${task.id}/${wallet.address}`, resultRecipient)
  return resultRecipient
}

/** A picture that is the same for the same task, as plain as the nodes write them. */
function pictureOf(taskId: Hex): Promise<Uint8Array> {
  const seed = Number.parseInt(taskId.slice(2, 8), 16)
  const pixels = Buffer.alloc(SIZE * SIZE * 3)
  for (let y = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++) {
      const at = (y * SIZE + x) * 3
      pixels[at] = (x * (1 + (seed % 7)) * 4) & 255
      pixels[at + 1] = (y * (1 + (seed % 5)) * 4) & 255
      pixels[at + 2] = ((x * y) >> (seed % 4)) & 255
    }
  }
  return sharp(pixels, { raw: { width: SIZE, height: SIZE, channels: 3 } })
    .png()
    .toBuffer()
}
