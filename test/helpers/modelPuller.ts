import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../src/base/clock.js'
import { publicInternet } from '../../src/models/download/networkRules.js'
import { createModelPuller, type ModelPuller, type ModelPullerOptions } from '../../src/models/modelPuller.js'

/** A clock whose pauses pass at once and are remembered; each takes one turn of the event loop, so that a loop of them lets others run. */
export function createSwiftClock(): Clock & { pauses: number[] } {
  let passed = 0
  const pauses: number[] = []
  return {
    pauses,
    now: () => Date.now() + passed,
    async sleep(ms, signal) {
      signal?.throwIfAborted()
      pauses.push(ms)
      passed += ms
      await new Promise((resolve) => setTimeout(resolve, 1))
    },
  }
}

export type TestPuller = {
  pull(id: string, options?: Omit<Parameters<ModelPuller['pull']>[1], 'signal'>): ReturnType<ModelPuller['pull']>
  cacheFolder: string
  pauses: number[]
}

/** A puller for a hub on this machine, with a cache of its own. */
export async function createTestPuller(
  origin: string,
  options: Partial<ModelPullerOptions> & { token?: string; offline?: boolean } = {},
): Promise<TestPuller> {
  const cacheFolder = options.cacheFolder ?? (await mkdtemp(join(tmpdir(), 'crynux-cache-')))
  const clock = createSwiftClock()
  const { token, offline = false, ...others } = options
  const puller = createModelPuller({
    hub: { endpoint: new URL(origin), token, offline },
    clock,
    // Long enough for a loaded machine; tests of stalls say their own.
    stallTimeoutMs: 20_000,
    ...others,
    cacheFolder,
  })
  const { signal } = new AbortController()
  return {
    pull: (id, pullOptions = {}) => puller.pull(id, { signal, ...pullOptions }),
    cacheFolder,
    pauses: clock.pauses,
  }
}

/** As in production, but http and this machine's address are allowed, for ports of these origins only by name resolution. */
export const loopbackRules = (names: Readonly<Record<string, string[]>> = {}) => ({
  resolve: async (name: string) => names[name] ?? publicInternet.resolve(name),
  allowsAddress: (address: string) => address === '127.0.0.1' || publicInternet.allowsAddress(address),
  protocols: ['http:', 'https:'],
})

export const removeFolder = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true })
