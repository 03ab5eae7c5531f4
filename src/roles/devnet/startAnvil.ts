import { join } from 'node:path'
import type { Clock } from '../../base/clock.js'
import { CrynuxError, EXIT } from '../../base/errors.js'
import { makeFolder } from '../../base/makeFolder.js'
import { type SupervisedProcess, startSupervisedProcess } from './supervisedProcess.js'

/** Devnets are always this chain; faults are allowed nowhere else. */
export const DEVNET_CHAIN_ID = 31_337

/** A private chain for one devnet. */
export type Anvil = {
  url: string
  process: SupervisedProcess
  /** One JSON-RPC call, for the methods that only a development chain has. */
  request(method: string, parameters: readonly unknown[]): Promise<unknown>
  /** From now on a block every `seconds`, whether or not there are transactions; before, one for each transaction. */
  mineEvery(seconds: number): Promise<void>
}

export type StartAnvilOptions = {
  /** The program, see findAnvil. */
  file: string
  /** For its log; also its home, so that it writes nowhere else. */
  folder: string
  environment: Readonly<Record<string, string>>
  /** Removed should this process be killed. */
  removeFolder?: string
}

/**
 * Starts anvil on a free loopback port. It mines every transaction at once, so that setting up is quick; `mineEvery` ends that.
 */
export async function startAnvil(
  { clock, signal }: { clock: Clock; signal: AbortSignal },
  { file, folder, environment, removeFolder }: StartAnvilOptions,
): Promise<Anvil> {
  await makeFolder(folder, { mode: 0o700 })
  const anvil = startSupervisedProcess({
    name: 'anvil',
    file,
    args: [
      '--host',
      '127.0.0.1',
      '--port',
      '0',
      '--chain-id',
      String(DEVNET_CHAIN_ID),
      '--accounts',
      '0',
      '--color',
      'never',
    ],
    environment: { ...environment, HOME: folder },
    cwd: folder,
    logPath: join(folder, 'anvil.log'),
    guard: removeFolder === undefined ? {} : { removeFolder },
  })
  try {
    const ready = await anvil.waitForLog(/Listening on (127\.0\.0\.1:\d+)/, { clock, signal, timeoutMs: 20_000 })
    const url = `http://${ready[1]}`
    const request = (method: string, parameters: readonly unknown[]) => callRpc(url, method, parameters, signal)
    return {
      url,
      process: anvil,
      request,
      async mineEvery(seconds) {
        await request('evm_setAutomine', [false])
        await request('evm_setIntervalMining', [seconds])
      },
    }
  } catch (error) {
    await anvil.stop({ clock, graceMs: 3_000 })
    throw error
  }
}

async function callRpc(url: string, method: string, params: readonly unknown[], signal: AbortSignal): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal,
  })
  const answer = (await response.json()) as { result?: unknown; error?: { message: string } }
  if (answer.error) {
    throw new AnvilRefusedError(`anvil refused ${method}: ${answer.error.message}`, {
      remedy: 'Use the version of anvil that package.json names.',
    })
  }
  return answer.result
}

/** A development method that this anvil does not know. */
export class AnvilRefusedError extends CrynuxError {
  override readonly code = 'CRYNUX_ANVIL_REFUSED'
  override readonly exitCode = EXIT.chain
}
