import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { createTestClient, http, type TestClient } from 'viem'
import { generatePrivateKey, type LocalAccount, privateKeyToAccount } from 'viem/accounts'
import { systemClock } from '../../src/base/clock.js'
import { type Address, bytesToHex, type Hex } from '../../src/base/hex.js'
import { parseCnx } from '../../src/base/units.js'
import { type ChainReader, type ChainWriter, createChainReader, createChainWriter } from '../../src/chain/client.js'
import { type DeployOptions, deployContracts } from '../../src/chain/deploy.js'
import { transferToken } from '../../src/chain/write/transferToken.js'
import type { NetworkProfile } from '../../src/protocol/networkProfile.js'
import { findAnvil } from '../../src/roles/devnet/findAnvil.js'

export type TestAnvil = {
  rpcUrl: string
  /** For mining, time travel and balances. */
  testClient: TestClient
  /** Runs a method that only anvil knows. */
  request(method: string, parameters: unknown[]): Promise<unknown>
  stop(): Promise<void>
}

/** Starts anvil on a free port. Without `blockTime` (seconds) it mines each transaction at once, and only then. */
export async function startAnvil({
  blockTime,
  chainId,
}: {
  blockTime?: number
  /** Default 31337. */
  chainId?: number
} = {}): Promise<TestAnvil> {
  const anvil = spawn(
    findAnvil(process.env),
    [
      '--port',
      '0',
      '--accounts',
      '0',
      ...(blockTime === undefined ? [] : ['--block-time', String(blockTime)]),
      ...(chainId === undefined ? [] : ['--chain-id', String(chainId)]),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const killed = () => anvil.kill('SIGKILL')
  process.once('exit', killed)
  const rpcUrl = await new Promise<string>((resolve, reject) => {
    anvil.once('error', reject)
    anvil.once('exit', (code) => reject(new Error(`anvil ended with status ${code}`)))
    createInterface({ input: anvil.stdout }).on('line', (line) => {
      const [, address] = /Listening on (\S+:\d+)/.exec(line) ?? []
      if (address) resolve(`http://${address}`)
    })
  })
  const testClient = createTestClient({ mode: 'anvil', transport: http(rpcUrl) })
  return {
    rpcUrl,
    testClient,
    request: (method, parameters) => testClient.request({ method, params: parameters } as never),
    stop: async () => {
      process.removeListener('exit', killed)
      if (anvil.exitCode !== null) return
      const ended = once(anvil, 'exit')
      anvil.kill('SIGINT')
      await ended
    },
  }
}

export type TestNetwork = {
  profile: NetworkProfile
  reader: ChainReader
  /** Owns the contracts and holds the supply of CNX. */
  owner: ChainWriter
  /** A writer for this key, or a fresh one, with 100 coins for gas and `cnx` (default 10,000) CNX. */
  writerFor(privateKey?: Hex, options?: { cnx?: string }): Promise<ChainWriter>
}

export type TestNetworkOptions = Pick<DeployOptions, 'parameters' | 'relays' | 'forge'>

/** Short windows, so that tests of deadlines stay readable. */
export const TEST_PARAMETERS = {
  minimumExecutionTimeoutSeconds: 5,
  revealWindowSeconds: 30,
  uploadWindowSeconds: 30,
  unbondingSeconds: 90,
} as const

/** Deploys all contracts from the shipped bytecode (or with `forge`). */
export async function deployTestNetwork(anvil: TestAnvil, options: TestNetworkOptions = {}): Promise<TestNetwork> {
  const account = privateKeyToAccount(generatePrivateKey())
  await giveGas(anvil, account.address)
  const profile = await deployContracts(
    { rpcUrl: anvil.rpcUrl, account, clock: systemClock, pollingIntervalMs: 20 },
    { name: 'test', parameters: TEST_PARAMETERS, forge: false, ...options },
  )
  const reader = await createChainReader({ profile, rpcUrl: anvil.rpcUrl, pollingIntervalMs: 20 })
  const owner = createChainWriter(reader, { account })
  return {
    profile,
    reader,
    owner,
    writerFor: async (privateKey = generatePrivateKey(), { cnx = '10000' } = {}) => {
      const own: LocalAccount = privateKeyToAccount(privateKey)
      await giveGas(anvil, own.address)
      const amountWei = parseCnx(cnx)
      if (amountWei > 0n) await transferToken(owner, { to: own.address, amountWei })
      return createChainWriter(reader, { account: own })
    },
  }
}

/** 32 bytes that are the same for the same number: gpu models, task keys and hashes of tests. */
export const testBytes32 = (number: number): Hex => {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setUint32(28, number)
  return bytesToHex(bytes)
}

const giveGas = (anvil: TestAnvil, address: Address): Promise<unknown> =>
  anvil.request('anvil_setBalance', [address, `0x${(100n * 10n ** 18n).toString(16)}`])
