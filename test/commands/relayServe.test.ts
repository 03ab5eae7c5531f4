import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generatePrivateKey } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWallet } from '../../src/protocol/wallet.js'
import { createKeystore } from '../../src/store/keystore.js'
import { saveNetworkProfile } from '../../src/store/networkProfile.js'
import { deployTestNetwork, startAnvil, type TestAnvil } from '../helpers/anvil.js'
import { type CrynuxProcess, runCrynux, startCrynux } from '../helpers/crynuxProcess.js'

const privateKey = generatePrivateKey()
const { address } = createWallet({ privateKey })
let anvil: TestAnvil
let folder: string
let environment: Record<string, string>

beforeAll(async () => {
  anvil = await startAnvil()
  folder = await mkdtemp(join(tmpdir(), 'crynux-relay-serve-'))
  const { profile } = await deployTestNetwork(anvil, { relays: [{ address, url: 'http://127.0.0.1:0' }] })
  await saveNetworkProfile(join(folder, 'network.json'), profile)
  await createKeystore({ path: join(folder, 'relay.json'), password: 'a password', privateKey, scryptN: 1_024 })
  await writeFile(join(folder, 'password'), 'a password\n', { mode: 0o600 })
  environment = {
    HOME: folder,
    CRYNUX_NETWORK: join(folder, 'network.json'),
    CRYNUX_RPC_URL: anvil.rpcUrl,
    CRYNUX_KEYSTORE: join(folder, 'relay.json'),
    CRYNUX_PASSWORD_FILE: join(folder, 'password'),
    CRYNUX_DATA_DIR: join(folder, 'data'),
  }
})
afterAll(async () => {
  await anvil.stop()
  await rm(folder, { recursive: true })
})

type Ready = { schema: string; data: { url: string; address: string; metricsUrl: string | null } }

const serve = (...flags: string[]) =>
  startCrynux(['relay', 'serve', '--listen', '127.0.0.1:0', '--json', ...flags], { environment })

/** The one document on stdout, which says where it serves. */
async function ready(relay: CrynuxProcess): Promise<Ready> {
  await expect.poll(() => relay.output().stdout, { timeout: 20_000 }).toContain('\n')
  return JSON.parse(relay.output().stdout) as Ready
}

describe('crynux relay serve', { timeout: 60_000 }, () => {
  it('says where it serves, does so with metrics, and ends cleanly at SIGTERM', async () => {
    const relay = serve('--metrics', '0')
    const { schema, data } = await ready(relay)
    expect(schema).toBe('crynux.relay-serve/v1')
    expect(data).toMatchObject({ address, url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) })
    expect(await (await fetch(`${data.url}/readyz`)).json()).toEqual({ status: 'ready' })
    expect((await fetch(data.metricsUrl ?? '')).status).toBe(200)
    expect((await readdir(join(folder, 'data'))).sort()).toEqual(['blobs', 'relay.sqlite', 'relay.sqlite-wal'])

    const second = await runCrynux(['relay', 'serve', '--listen', '127.0.0.1:0'], { environment })
    expect(second).toMatchObject({ status: 3, stdout: '' })
    expect(second.stderr).toMatch(/^error: the relay's database .* is in use\n {2}\S/m)

    relay.process.kill('SIGTERM')
    const { status, stderr } = await relay.finished
    expect([0, 143]).toContain(status)
    expect(stderr).toBe('')
    expect((await readdir(join(folder, 'data'))).sort()).toEqual(['blobs', 'relay.sqlite'])
  })

  it('starts again after kill -9, on a database and a blob folder of its own', async () => {
    const flags = ['--database', `file:${join(folder, 'own.sqlite')}`, '--blobs', join(folder, 'own-blobs')]
    const killed = serve(...flags)
    await ready(killed)
    killed.process.kill('SIGKILL')
    await killed.finished
    const again = serve(...flags)
    const { data } = await ready(again)
    expect((await fetch(`${data.url}/healthz`)).status).toBe(200)
    again.process.kill('SIGTERM')
    await again.finished
  })

  it('refuses bad values with one clear line each', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
    const { port } = server.address() as { port: number }
    const cases: [string[], number, RegExp][] = [
      [['--listen', 'nowhere'], 2, /'nowhere' is no place to listen/],
      [['--listen', '127.0.0.1:99999'], 2, /'99999' is no port/],
      [['--database', 'mysql://x'], 2, /'mysql:\/\/x' is no database/],
      [['--public-url', 'relay.example'], 2, /'relay\.example' is no public address/],
      [['--listen', `127.0.0.1:${port}`], 3, new RegExp(`cannot listen on port ${port}`)],
    ]
    for (const [flags, expected, message] of cases) {
      const { status, stdout, stderr } = await runCrynux(['relay', 'serve', ...flags], { environment })
      expect({ flags, status, stdout }).toEqual({ flags, status: expected, stdout: '' })
      expect(stderr).toMatch(message)
      expect(stderr.trimEnd().split('\n')).toHaveLength(2)
    }
    await new Promise((resolve) => server.close(resolve))
  })
})
