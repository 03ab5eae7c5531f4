import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getContractAddress } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Hex } from '../../src/base/hex.js'
import { createKeystore } from '../../src/store/keystore.js'
import { startAnvil, type TestAnvil } from '../helpers/anvil.js'
import { type Finished, runCrynux, startCrynux } from '../helpers/crynuxProcess.js'
import { type RpcProxy, startRpcProxy } from '../helpers/rpcProxy.js'

let anvil: TestAnvil
let proxy: RpcProxy
let folder: string
let owner: ReturnType<typeof privateKeyToAccount>
let environment: Record<string, string>

beforeAll(async () => {
  anvil = await startAnvil()
  proxy = await startRpcProxy(anvil.rpcUrl)
})
afterAll(async () => {
  await proxy.close()
  await anvil.stop()
})
/** A wallet with coins, and a data folder, for each test. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crynux-contracts-'))
  const privateKey = generatePrivateKey()
  owner = privateKeyToAccount(privateKey)
  await createKeystore({ path: join(folder, 'owner.json'), password: 'a password', privateKey, scryptN: 1_024 })
  await writeFile(join(folder, 'password'), 'a password\n', { mode: 0o600 })
  await anvil.request('anvil_setBalance', [owner.address, '0x56bc75e2d63100000'])
  proxy.decide = () => 'through'
  environment = {
    HOME: folder,
    CRYNUX_DATA_DIR: join(folder, 'data'),
    CRYNUX_KEYSTORE: join(folder, 'owner.json'),
    CRYNUX_PASSWORD_FILE: join(folder, 'password'),
    CRYNUX_RPC_URL: proxy.url,
    CRYNUX_NETWORK: join(folder, 'network.json'),
  }
  return () => rm(folder, { recursive: true })
})

const crynux = (line: string, extra: Record<string, string> = {}): Promise<Finished> =>
  runCrynux(line.split(' '), { environment: { ...environment, ...extra }, cwd: folder })

type Deployed = {
  outcome: string
  transactions: number
  profile: { contracts: Record<string, Hex>; parameters: Record<string, number | string>; owner: Hex }
}

function dataOf<T>({ status, stdout, stderr }: Finished): T {
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return (JSON.parse(stdout) as { data: T }).data
}

const sentByOwner = async () => Number(await anvil.request('eth_getTransactionCount', [owner.address, 'latest']))

/** The addresses of contracts that are the wallet's first transactions. */
const addressesFrom = (first: bigint) =>
  [0n, 1n, 2n, 3n].map((index) => getContractAddress({ from: owner.address, nonce: first + index }))

const contractsOf = ({ contracts }: Deployed['profile']) => [
  contracts.token,
  contracts.incentivePool,
  contracts.registry,
  contracts.consensus,
]

describe('crynux contracts deploy', { timeout: 300_000 }, () => {
  const DEPLOY = 'contracts deploy --bytecode --json --unbonding 90s --upload-window 30s --penalty 3%'

  it('goes on after kill -9 before and after each transaction reaches the chain, and pays nothing twice', async () => {
    const kills: string[] = []
    for (;;) {
      expect(kills.length).toBeLessThan(40)
      const phase = kills.length % 2 === 0 ? 'before' : 'after'
      const child = startCrynux(DEPLOY.split(' '), { environment, cwd: folder })
      let killed = false
      proxy.decide = async (method) => {
        if (killed) return 'cut before'
        if (method !== 'eth_sendRawTransaction') return 'through'
        // Every transaction is met twice: by a process that dies before the chain has it, and by one that dies right after.
        killed = true
        kills.push(`${phase} ${await sentByOwner()}`)
        child.process.kill('SIGKILL')
        return phase === 'before' ? 'cut before' : 'through'
      }
      const { status, signal, stdout, stderr } = await child.finished
      await proxy.idle()
      if (killed) {
        expect(signal).toBe('SIGKILL')
        continue
      }
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      const { data } = JSON.parse(stdout) as { data: Deployed }
      const sent = await sentByOwner()
      expect(sent).toBeGreaterThanOrEqual(7)
      expect(kills).toEqual(Array.from({ length: sent }, (_, index) => [`before ${index}`, `after ${index}`]).flat())
      expect(data).toMatchObject({ outcome: 'continued', transactions: sent })
      expect(contractsOf(data.profile)).toEqual(addressesFrom(0n))
      expect(data.profile).toMatchObject({
        owner: owner.address,
        parameters: { unbondingSeconds: 90, uploadWindowSeconds: 30, penaltyBasisPoints: 300 },
      })
      break
    }
    proxy.decide = () => 'through'
    expect(dataOf(await crynux('contracts verify --json'))).toMatchObject({ compared: { owner: true, parameters: 10 } })
    const sent = await sentByOwner()
    expect(dataOf(await crynux(DEPLOY))).toMatchObject({ outcome: 'already', transactions: sent })
    expect(await sentByOwner()).toBe(sent)
  })

  it('goes on after kill -9 while it looks at what it has deployed, and after the profile is written', async () => {
    const child = startCrynux(DEPLOY.split(' '), { environment, cwd: folder })
    proxy.decide = (method) => {
      if (method === 'eth_getCode') child.process.kill('SIGKILL')
      return 'through'
    }
    expect(await child.finished).toMatchObject({ signal: 'SIGKILL', stdout: '' })
    proxy.decide = () => 'through'
    const sent = await sentByOwner()
    const profile = dataOf<Deployed>(await crynux(DEPLOY)).profile
    expect(contractsOf(profile)).toEqual(addressesFrom(0n))

    // As after a kill between writing the profile and noting that all is done: the journal's last line is missing.
    const [journal = ''] = (await readdir(join(folder, 'data', 'deployments'))).filter(
      (name) => !name.endsWith('.lock'),
    )
    const path = join(folder, 'data', 'deployments', journal)
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n')
    await writeFile(path, `${lines.slice(0, -1).join('\n')}\n`)
    expect(dataOf<Deployed>(await crynux(DEPLOY))).toMatchObject({ outcome: 'continued', profile })
    expect(await sentByOwner()).toBe(sent)
  })

  it('goes on after the connection was lost, and takes no lost answer for a refusal', async () => {
    let sends = 0
    proxy.decide = (method) => (method === 'eth_sendRawTransaction' && ++sends === 3 ? 'cut after' : 'through')
    const { profile } = dataOf<Deployed>(await crynux(DEPLOY))
    expect(contractsOf(profile)).toEqual(addressesFrom(0n))
    const sent = await sentByOwner()

    // A second network, with the first one's profile in its place: only when told to.
    const again = await crynux(`${DEPLOY} --reveal-window 60s`)
    expect(again).toMatchObject({ status: 2, stdout: '' })
    expect(again.stderr).toContain('exists already, and is not the profile of this deployment')
    expect(await sentByOwner()).toBe(sent)
    let isLost = false
    proxy.decide = (method) => {
      if (method === 'eth_sendRawTransaction' && ++sends >= sent + 4) isLost = true
      return isLost ? 'cut before' : 'through'
    }
    const cut = await crynux(`${DEPLOY} --reveal-window 60s --force`)
    expect(cut).toMatchObject({ status: 5, stdout: '' })
    expect(JSON.parse(cut.stderr)).toMatchObject({ error: { code: 'CRYNUX_CHAIN_UNREACHABLE' } })
    proxy.decide = () => 'through'
    const second = dataOf<Deployed>(await crynux(`${DEPLOY} --reveal-window 60s --force`))
    expect(contractsOf(second.profile)).toEqual(addressesFrom(BigInt(sent)))
    expect(second.outcome).toBe('continued')
    expect(JSON.parse(await readFile(join(folder, 'network.json'), 'utf8'))).toEqual(second.profile)
  })

  it('keeps to what was begun: other wishes are for another deployment', async () => {
    let sends = 0
    proxy.decide = (method) => (method === 'eth_sendRawTransaction' && ++sends > 1 ? 'cut before' : 'through')
    expect(await crynux(DEPLOY)).toMatchObject({ status: 5 })
    proxy.decide = () => 'through'
    const other = await crynux('contracts deploy --bytecode --json')
    expect(other).toMatchObject({ status: 2, stdout: '' })
    expect(JSON.parse(other.stderr)).toMatchObject({
      error: {
        code: 'CRYNUX_UNFINISHED_DEPLOYMENT',
        details: { parameters: 'uploadWindowSeconds=30 unbondingSeconds=90 penaltyBasisPoints=300' },
      },
    })
    const abandoned = dataOf<Deployed>(await crynux('contracts deploy --bytecode --json --abandon'))
    expect(abandoned.outcome).toBe('deployed')
    expect(contractsOf(abandoned.profile)).toEqual(addressesFrom(1n))
  })

  it('pays for nothing without a place for the profile, and for nothing twice when the place is lost meanwhile', async () => {
    await writeFile(join(folder, 'file'), '')
    const nowhere = await crynux(`${DEPLOY} --out file/network.json`)
    expect(nowhere).toMatchObject({ status: 3, stdout: '' })
    expect(JSON.parse(nowhere.stderr)).toMatchObject({
      error: { code: 'CRYNUX_PROFILE_UNWRITABLE', details: { reason: expect.stringMatching(/^E/) } },
    })
    expect(await crynux(`${DEPLOY} --out ${folder}`)).toMatchObject({ status: 3 })
    expect(await sentByOwner()).toBe(0)

    const lost = join(folder, 'lost.json')
    proxy.decide = async (method) => {
      if (method === 'eth_getCode') await mkdir(lost, { recursive: true })
      return 'through' as const
    }
    const { status, stderr } = await crynux(`${DEPLOY.replace('--json ', '')} --out ${lost}`)
    expect(status).toBe(3)
    expect(stderr).toMatch(/^(\d) of \1 transactions are done; the same command goes on from there$/m)
    expect(stderr).toContain(`error: the network is deployed, but its profile '${lost}' cannot be written (EISDIR)\n`)
    proxy.decide = () => 'through'
    const sent = await sentByOwner()
    expect(dataOf<Deployed>(await crynux(DEPLOY))).toMatchObject({ outcome: 'continued', transactions: sent })
    expect(await sentByOwner()).toBe(sent)
  })

  it('lets one process at a time deploy with a wallet', async () => {
    const child = startCrynux(DEPLOY.split(' '), { environment, cwd: folder })
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const arrived = new Promise<void>((resolve) => {
      proxy.decide = async (method) => {
        if (method !== 'eth_sendRawTransaction') return 'through' as const
        resolve()
        await held
        return 'through' as const
      }
    })
    await arrived
    const second = await crynux(`${DEPLOY} --out second.json`)
    expect(second).toMatchObject({ status: 75, stdout: '' })
    expect(JSON.parse(second.stderr)).toMatchObject({ error: { code: 'CRYNUX_DEPLOYMENT_IN_USE' } })
    release()
    expect((await child.finished).status).toBe(0)
  })

  it('shows what it would send, without a password and without sending it', async () => {
    const plan = dataOf<{ gas: string; chainKind: string; transactions: { what: string; state: string }[] }>(
      await crynux('contracts deploy --bytecode --dry-run --json --penalty 3%', { CRYNUX_PASSWORD_FILE: '' }),
    )
    expect(plan).toMatchObject({
      chainKind: 'development',
      owner: owner.address,
      parameters: { penaltyBasisPoints: 300, minimumStakeWei: '400000000000000000000' },
      relays: [],
    })
    expect(plan.transactions[0]).toMatchObject({ what: 'create CrynuxToken', state: 'to send' })
    expect(plan.transactions.at(-1)).toMatchObject({ what: 'NodeRegistry.setPenalty(300)' })
    expect(await sentByOwner()).toBe(0)
    const shown = await crynux('contracts deploy --bytecode --dry-run')
    expect(shown.stdout).toMatch(
      /cost {2}about 0\.\d+ of the chain's coin; the wallet holds 100 of the chain's coin\n$/,
    )
    // What it says is what it costs, a little more rather than less.
    const { transactions, ...rest } = dataOf<Deployed & { gasUsed: string }>(
      await crynux('contracts deploy --bytecode --json --penalty 3%'),
    )
    expect(transactions).toBe(plan.transactions.length)
    expect(Number(plan.gas) / Number(rest.gasUsed)).toBeGreaterThanOrEqual(1)
    expect(Number(plan.gas) / Number(rest.gasUsed)).toBeLessThan(1.1)
  })

  it('refuses a parameter outside of its bounds before anything is paid', async () => {
    const { status, stderr } = await crynux('contracts deploy --bytecode --unbonding 20s --upload-window 10s')
    expect(status).toBe(2)
    expect(stderr).toContain('error: unbondingSeconds cannot be 20: the contract allows 30 to 2592000\n')
    const window = await crynux('contracts deploy --bytecode --upload-window 11m')
    expect(window.stderr).toContain('uploadWindowSeconds')
    const relay = await crynux(`contracts deploy --bytecode --relay 0x${'0'.repeat(40)}=https://relay.example`)
    expect(relay).toMatchObject({ status: 2, stdout: '' })
    expect(relay.stderr).toContain(`error: relay 0x${'0'.repeat(40)} has no address`)
    expect(await sentByOwner()).toBe(0)
  })

  it('sends nothing to a chain that may be worth money unless somebody said yes', async () => {
    const other = await startAnvil({ chainId: 1 })
    try {
      await other.request('anvil_setBalance', [owner.address, '0x56bc75e2d63100000'])
      const onOther = (line: string) => crynux(line, { CRYNUX_RPC_URL: other.rpcUrl })
      const refused = await onOther('contracts deploy --bytecode')
      expect(refused).toMatchObject({ status: 2, stdout: '' })
      expect(refused.stderr).toMatch(/create TaskConsensus +[\d,]+ +to send/)
      expect(refused.stderr).toContain(
        'error: chain 1 is not known as a development or test chain\n' +
          '  What is sent there may cost money: look at it with --dry-run, then add --yes.\n',
      )
      expect(Number(await other.request('eth_getTransactionCount', [owner.address, 'pending']))).toBe(0)
      expect(dataOf<Deployed>(await onOther('contracts deploy --bytecode --yes --json')).outcome).toBe('deployed')
    } finally {
      await other.stop()
    }
  })
})

describe('crynux contracts verify, parameters and parameters set', { timeout: 300_000 }, () => {
  it('shows every parameter, changes one within its bounds, and notices every difference', async () => {
    const { profile } = dataOf<Deployed>(
      await crynux('contracts deploy --bytecode --json --unbonding 90s --upload-window 30s'),
    )
    const report = dataOf<{ parameters: Record<string, unknown>[]; owners: Record<string, unknown> }>(
      await crynux('contracts parameters --json'),
    )
    expect(report.owners).toMatchObject({ registry: { owner: owner.address, pendingOwner: null } })
    const rowOf = (name: string) => report.parameters.find((row) => row.name === name)
    expect(rowOf('unbondingSeconds')).toMatchObject({
      value: 90,
      default: 1_800,
      lowest: 90,
      highest: 2_592_000,
      limitedBy: 'uploadWindowSeconds',
      changedBy: 'owner',
    })
    expect(rowOf('minimumStakeWei')).toMatchObject({ lowest: '1000000000000000000', contract: 'NodeRegistry' })
    expect(rowOf('maximumImages')).toMatchObject({ value: 10, changedBy: null })
    expect((await crynux('contracts parameters')).stdout).toMatch(/^penaltyBasisPoints +2 % +2 % +0 % +10 % +owner /m)

    const sent = await sentByOwner()
    const tooLong = await crynux('contracts parameters set uploadWindowSeconds 31s')
    expect(tooLong).toMatchObject({ status: 2, stdout: '' })
    expect(tooLong.stderr).toContain('the contract allows 10 to 30 while unbondingSeconds is 90')
    expect(await crynux('contracts parameters set nothing 1')).toMatchObject({ status: 2 })
    expect(await crynux('contracts parameters set hammingThreshold 2%')).toMatchObject({ status: 2 })
    expect(dataOf(await crynux('contracts parameters set penaltyBasisPoints 2.5% --dry-run --json'))).toMatchObject({
      before: 200,
      value: 250,
      transaction: null,
      profileUpdated: false,
    })
    expect(await sentByOwner()).toBe(sent)
    expect(dataOf(await crynux('contracts parameters set penaltyBasisPoints 250 --json'))).toMatchObject({
      before: 200,
      value: 250,
      profileUpdated: true,
    })
    expect(await sentByOwner()).toBe(sent + 1)
    expect(dataOf(await crynux('contracts verify --json'))).toMatchObject({ owner: owner.address })

    const path = join(folder, 'network.json')
    const written = JSON.parse(await readFile(path, 'utf8')) as Deployed['profile']
    const verifyWith = async (changes: Record<string, unknown>) => {
      await writeFile(path, JSON.stringify({ ...written, ...changes }))
      const { status, stderr } = await crynux('contracts verify')
      return { status, said: stderr.split('\n')[0] }
    }
    expect(await verifyWith({ parameters: { ...written.parameters, minimumFeeWei: '4' } })).toEqual({
      status: 11,
      said: 'error: parameter minimumFeeWei is 3, not 4',
    })
    const { contracts } = profile
    const swapped = { ...contracts, incentivePool: contracts.consensus }
    expect(await verifyWith({ contracts: swapped })).toMatchObject({
      status: 11,
      said: expect.stringContaining(`IncentivePool at ${contracts.consensus} `),
    })
    // A profile of an older program says less, and is compared with the build all the same.
    expect(await verifyWith({ owner: undefined, parameters: undefined })).toMatchObject({ status: 0 })
    const stranger = privateKeyToAccount(generatePrivateKey()).address
    expect(await verifyWith({ owner: stranger })).toMatchObject({
      status: 11,
      said: expect.stringContaining(`belongs to ${owner.address}, not to ${stranger}`),
    })
    await writeFile(path, JSON.stringify(written))

    const code = (await anvil.request('eth_getCode', [contracts.registry, 'latest'])) as Hex
    const changed = `${code.slice(0, 2002)}${code[2002] === '0' ? '1' : '0'}${code.slice(2003)}`
    await anvil.request('anvil_setCode', [contracts.registry, changed])
    expect(await verifyWith({})).toMatchObject({
      status: 11,
      said: `error: NodeRegistry at ${contracts.registry} differs from this program's build at byte 1000 of its code`,
    })
  })

  it('lets only the owner change a parameter', async () => {
    await crynux('contracts deploy --bytecode')
    const privateKey = generatePrivateKey()
    await createKeystore({ path: join(folder, 'other.json'), password: 'a password', privateKey, scryptN: 1_024 })
    const { status, stderr } = await crynux('contracts parameters set minimumFeeWei 1 --keystore other.json')
    expect(status).toBe(3)
    expect(stderr).toContain(`does not own the network\n  Use the wallet of the owner, ${owner.address}.\n`)
  })
})
