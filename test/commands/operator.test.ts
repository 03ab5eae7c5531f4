import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startAnvil, type TestAnvil, testBytes32 } from '../helpers/anvil.js'
import { runCrynux } from '../helpers/crynuxProcess.js'

const privateKey = testBytes32(31_337)
const { address } = privateKeyToAccount(privateKey)
let anvil: TestAnvil
let folder: string
let environment: Record<string, string>

beforeAll(async () => {
  anvil = await startAnvil()
  folder = await mkdtemp(join(tmpdir(), 'crynux-operator-'))
  await writeFile(join(folder, 'password'), 'a password\n', { mode: 0o600 })
  await anvil.request('anvil_setBalance', [address, '0x56bc75e2d63100000'])
  environment = {
    HOME: folder,
    CRYNUX_DATA_DIR: folder,
    CRYNUX_KEYSTORE: join(folder, 'owner.json'),
    CRYNUX_PASSWORD_FILE: join(folder, 'password'),
    CRYNUX_RPC_URL: anvil.rpcUrl,
  }
})
afterAll(async () => {
  await anvil.stop()
  await rm(folder, { recursive: true })
})

const crynux = (line: string, extra: { stdin?: string; environment?: Record<string, string> } = {}) =>
  runCrynux(line.split(' '), { ...extra, environment: { ...environment, ...extra.environment } })

async function json(line: string, extra: { stdin?: string } = {}): Promise<{ schema: string; data: never }> {
  const { status, stdout, stderr } = await crynux(`${line} --json`, extra)
  expect({ status, stderr: stderr.replace(/^deploying.*\n/, '') }).toEqual({ status: 0, stderr: '' })
  return JSON.parse(stdout) as { schema: string; data: never }
}

// Many runs of the program, on a machine that may be busy.
describe('the operator at the command line', { timeout: 90_000 }, () => {
  it('imports a key without showing it, and keeps the file private', async () => {
    const { status, stdout, stderr } = await crynux('wallet import - --light', { stdin: `${privateKey}\n` })
    expect(status).toBe(0)
    expect(stdout).toContain(address)
    expect(stdout + stderr).not.toContain(privateKey.slice(2))
    expect((await stat(join(folder, 'owner.json'))).mode & 0o777).toBe(0o600)
    const again = await crynux('wallet import - --light', { stdin: privateKey })
    expect(again).toMatchObject({ status: 3, stdout: '' })
    expect(again.stderr).toMatch(/^error: '.*owner.json' exists already\n {2}\S.*\n$/)
  })

  it('makes a wallet and shows it without its password', async () => {
    const keystore = join(folder, 'new.json')
    const { data } = await json(`wallet create --light --keystore ${keystore}`)
    const shown = await crynux(`wallet show --json --keystore ${keystore}`, {
      environment: { CRYNUX_PASSWORD_FILE: '' },
    })
    expect(JSON.parse(shown.stdout)).toEqual({ schema: 'crynux.wallet-show/v1', data })
  })

  it('deploys a network, stakes, reports and leaves', async () => {
    const profile = join(folder, 'network.json')
    const deployed = await json(`contracts deploy --bytecode --out ${profile} --unbonding 90s --upload-window 30s`)
    expect(deployed).toMatchObject({ schema: 'crynux.contracts-deploy/v1', data: { path: profile } })
    expect(JSON.parse(await readFile(profile, 'utf8'))).toMatchObject({ version: 1, chainId: 31_337 })
    expect(await crynux(`contracts deploy --out ${profile}`)).toMatchObject({ status: 2, stdout: '' })
    environment.CRYNUX_NETWORK = profile

    expect((await crynux('stake --explain')).stdout).toContain(
      '400 CNX for a result that the two other nodes do not confirm',
    )
    expect(await crynux('stake 400')).toMatchObject({ status: 2 })
    expect(await json('stake 400 --gpu-model CPU --vram-gb 4')).toMatchObject({
      schema: 'crynux.stake/v1',
      data: { action: 'joined', stakeWei: '400000000000000000000' },
    })
    expect(await json('node pause')).toMatchObject({ data: { before: 'available', status: 'paused' } })
    expect(await json('stats nodes')).toMatchObject({
      schema: 'crynux.stats-nodes/v1',
      data: {
        nodes: [{ address, status: 'paused', penaltiesWei: '0', slashes: 0, earningsWei: '0', successRate: null }],
      },
    })
    expect(await json('stats network')).toMatchObject({ data: { nodes: { members: 1, available: 0 } } })
    expect(await json('node status')).toMatchObject({
      schema: 'crynux.node-status/v1',
      data: { address, status: 'paused' },
    })
    const table = (await crynux('stats nodes')).stdout
    expect(table).toMatch(/^NODE +STATUS +STAKE CNX .*\n0x\S+ {2}paused +400 +0 +0 +0 +-\n$/)
    expect(await json('unstake')).toMatchObject({ schema: 'crynux.unstake/v1', data: { state: 'unbonding' } })
    expect(await json('wallet show')).toMatchObject({
      data: { address, balances: { stakeWei: '400000000000000000000' } },
    })
  })

  it('changes the list of relays, and sends CNX', async () => {
    const other = privateKeyToAccount(testBytes32(31_338)).address
    expect(await json(`contracts set-relay ${other} http://127.0.0.1:8080/`)).toMatchObject({
      schema: 'crynux.contracts-set-relay/v1',
      data: { relay: other, before: null, url: 'http://127.0.0.1:8080' },
    })
    expect(await json('stats network')).toMatchObject({ data: { relays: [{ url: 'http://127.0.0.1:8080' }] } })
    expect((await crynux(`contracts set-relay ${other} http://127.0.0.1:8080`)).stdout).toMatch(
      /transaction +none was needed/,
    )
    expect(await json(`contracts set-relay ${other} --remove`)).toMatchObject({ data: { url: null } })
    expect(await json(`wallet send ${other} 0.5`)).toMatchObject({
      schema: 'crynux.wallet-send/v1',
      data: { to: other, amountWei: '500000000000000000' },
    })
  })

  it('keeps settings, and says where each comes from', async () => {
    const own = { environment: { XDG_CONFIG_HOME: join(folder, 'config'), CRYNUX_NETWORK: '' } }
    expect((await crynux('config set network /etc/network.json', own)).status).toBe(0)
    expect(await crynux('config get network', own)).toMatchObject({ status: 0, stdout: '/etc/network.json\n' })
    const { stdout } = await crynux('config list --origin', own)
    expect(stdout).toMatch(/^network +\/etc\/network.json +configuration$/m)
    expect(stdout).toMatch(/^rpcUrl +\S+ +environment$/m)
    expect(stdout).toMatch(/^logLevel +warn +default$/m)
    expect(await crynux('config get colour', own)).toMatchObject({ status: 2, stdout: '' })
    expect((await crynux('config set network', own)).status).toBe(0)
    expect((await crynux('config get network --json', own)).stdout).toContain('"value":null,"origin":"default"')
  })

  it('blames the configuration for a bad level of the log that no flag named', async () => {
    const result = await crynux('config list', { environment: { CRYNUX_LOG_LEVEL: 'foo' } })
    expect(result).toMatchObject({ status: 3, stderr: expect.stringContaining("'foo' is no log level") })
  })

  it.each([
    ['stats task 0x12', 2, "error: '0x12' is not a task id"],
    ['stats task 0x12 --rpc-url http://127.0.0.1:9', 2, "error: '0x12' is not a task id"],
    ['config list --log-level foo', 2, "error: 'foo' is no log level"],
    ['demo a b c', 2, 'error: the prompt is 3 arguments, and must be one\n  Quote the prompt.\n'],
    ['node start --fault foo', 2, "error: 'foo' is not a fault\n  The faults are wrong-result, silent, "],
    ['stats node 0x12', 2, "error: '0x12' is not an address"],
    ['stake -1', 2, 'error:'],
    [
      `contracts set-relay ${address} ftp://relay.example`,
      2,
      "error: 'ftp://relay.example' is no public address of a relay",
    ],
    [`contracts set-relay ${address}`, 2, 'error: no URL is given'],
    [`wallet send ${address} 0`, 2, 'error: the amount is 0 CNX'],
    [`contracts set-relay 0x12 https://relay.example`, 2, "error: '0x12' is not an address"],
    [
      'stats nodes --rpc-url http://127.0.0.1:9/secret',
      5,
      "error: the chain's RPC endpoint cannot be used: no connection",
    ],
    ['stats nodes --network /nowhere.json', 3, "error: the network profile '/nowhere.json' cannot be read"],
    ['node pause --keystore /nowhere.json', 3, "error: the keystore '/nowhere.json' cannot be read"],
  ])('answers `%s` with status %i and one clear line', async (line, status, message) => {
    const result = await crynux(line)
    expect(result).toMatchObject({ status, stdout: '' })
    expect(result.stderr.startsWith(message)).toBe(true)
    expect(result.stderr).toMatch(/^error: .*\n {2}\S.*\n$/)
    expect(result.stderr).not.toContain('secret')
  })
})
