import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Address } from '../../src/base/hex.js'
import { type ChainReader, createChainReader } from '../../src/chain/client.js'
import { readChainTime } from '../../src/chain/read/chainTime.js'
import { loadNetworkProfile } from '../../src/store/networkProfile.js'
import { type CrynuxProcess, type Finished, startCrynux } from './crynuxProcess.js'
import { processesUsing } from './processesUsing.js'
import { until } from './until.js'

export type TestNode = {
  number: number
  address: Address
  folder: string
  fault: string | null
  pid: number
  environment: Record<string, string>
}

/** A devnet of the built program, `crynux devnet up --keep`, in a folder of its own. */
export type TestDevnet = {
  /** The kept folder. */
  folder: string
  /** An empty folder for the test's own files. */
  scratch: string
  environment: Record<string, string>
  nodes: TestNode[]
  chain: ChainReader
  process: CrynuxProcess
  /** What devnet.json says now. */
  description(): Description
  /** Runs the program as the application of this network, in the scratch folder. */
  run(args: readonly string[], environment?: Readonly<Record<string, string>>): Promise<Finished>
  start(args: readonly string[], environment?: Readonly<Record<string, string>>): CrynuxProcess
  /** Moves the chain's clock past a moment (Unix seconds), so that nobody waits for a deadline. */
  passTime(moment: number): Promise<void>
  /** One JSON-RPC call to anvil. */
  rpc(method: string, ...parameters: unknown[]): Promise<unknown>
}

export type Description = {
  pid: number
  rpcUrl: string
  relay: { address: Address; url: string; folder: string; pid: number }
  app: { address: Address; folder: string }
  nodes: TestNode[]
}

/**
 * Starts a devnet, runs the test in it, and ends it with SIGTERM. Fails when anything is left: a process that names the
 * devnet's folder, or a file outside the kept folder.
 */
export async function withDevnet(args: readonly string[], test: (devnet: TestDevnet) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'crynux-e2e-'))
  const temporary = mkdtempSync(join(root, 'tmp-'))
  const scratch = mkdtempSync(join(root, 'scratch-'))
  const folder = join(root, 'devnet')
  const up = startCrynux(['devnet', 'up', '--json', '--keep', folder, ...args], { environment: { TMPDIR: temporary } })
  try {
    const running = await Promise.race([
      until(() => up.output().stdout.includes('\n'), { timeoutMs: 90_000, what: 'devnet up to be ready' }),
      up.finished.then(({ status, stderr }) => Promise.reject(new Error(`devnet up ended with ${status}: ${stderr}`))),
    ])
    expect(running).toBe(true)
    const { data } = JSON.parse(up.output().stdout) as {
      data: { environment: Record<string, string>; nodes: TestNode[] }
    }
    const { environment } = data
    const description = () => JSON.parse(readFileSync(join(folder, 'devnet.json'), 'utf8')) as Description
    const rpcUrl = environment.CRYNUX_RPC_URL ?? ''
    const rpc = async (method: string, ...params: unknown[]): Promise<unknown> => {
      const response = await fetch(rpcUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
      })
      return ((await response.json()) as { result: unknown }).result
    }
    const chain = await createChainReader({
      profile: await loadNetworkProfile(environment.CRYNUX_NETWORK ?? ''),
      rpcUrl,
      pollingIntervalMs: 50,
    })
    const start = (words: readonly string[], extra = {}) =>
      startCrynux(words, { cwd: scratch, environment: { ...environment, TMPDIR: temporary, ...extra } })
    await test({
      folder,
      scratch,
      environment,
      nodes: description().nodes,
      chain,
      process: up,
      description,
      start,
      run: (words, extra) => start(words, extra).finished,
      passTime: async (moment) => {
        const missing = moment + 1 - (await readChainTime(chain))
        if (missing > 0) await rpc('evm_increaseTime', missing)
      },
      rpc,
    })
    up.process.kill('SIGTERM')
    const { status, stderr } = await up.finished
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.any(String) })
    expect(processesUsing(root)).toEqual([])
    expect(readdirSync(temporary)).toEqual([])
  } finally {
    up.process.kill('SIGTERM')
    await up.finished
    // What a failing test started itself must not outlive it.
    for (const pid of processesUsing(root)) process.kill(pid, 'SIGKILL')
    rmSync(root, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }
  expect(existsSync(root)).toBe(false)
}

/** The `data` of a command that was run with --json and succeeded. */
export function dataOf<T>({ status, stdout, stderr }: Finished): T {
  if (status !== 0) throw new Error(`the program ended with ${status}: ${stderr}`)
  return (JSON.parse(stdout) as { data: T }).data
}
