import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { packageRoot } from '../../src/base/packageRoot.js'
import { createChainReader } from '../../src/chain/client.js'
import { deployContracts } from '../../src/chain/deploy.js'
import { findForge } from '../../src/chain/deployment/findForge.js'
import { readParameters } from '../../src/chain/read/parameters.js'
import { readRelays } from '../../src/chain/read/relays.js'
import { deployTestNetwork, startAnvil, TEST_PARAMETERS, type TestAnvil } from '../helpers/anvil.js'

const relay = { address: privateKeyToAccount(generatePrivateKey()).address, url: 'https://relay.example/a,b' }
let anvil: TestAnvil
let folder: string

beforeAll(async () => {
  anvil = await startAnvil()
  folder = await mkdtemp(join(tmpdir(), 'crynux-deploy-'))
})
afterAll(async () => {
  await anvil.stop()
  await rm(folder, { recursive: true })
})

describe('deployContracts', () => {
  it('makes the same network with forge and from the shipped bytecode', async () => {
    const forge = findForge(process.env)
    expect(forge).toBeDefined()
    // What forge writes, it writes below the temporary folder, and that is empty afterwards.
    vi.stubEnv('TMPDIR', await mkdtemp(join(folder, 'tmp-')))
    const before = (await readdir(packageRoot)).includes('broadcast')
    const networks = []
    for (const way of [forge ?? '', false] as const) {
      const { profile, reader } = await deployTestNetwork(anvil, { relays: [relay], forge: way })
      expect(profile).toMatchObject({ version: 1, name: 'test', chainId: 31_337, rpcUrl: anvil.rpcUrl })
      networks.push({ parameters: await readParameters(reader), relays: await readRelays(reader) })
      const code = await Promise.all(
        Object.values(profile.contracts).map((address) => reader.client.getCode({ address })),
      )
      expect(code.every((each) => each !== undefined && each.length > 1000)).toBe(true)
    }
    expect(networks[0]?.parameters).toEqual(networks[1]?.parameters)
    expect(networks[1]?.parameters).toMatchObject(TEST_PARAMETERS)
    expect(networks[1]?.relays).toEqual([relay])
    expect(networks[0]?.relays).toEqual([{ ...relay, url: 'https://relay.example/a%2Cb' }])
    expect((await readdir(packageRoot)).includes('broadcast')).toBe(before)
    expect(await readdir(tmpdir())).toEqual([])
    vi.unstubAllEnvs()
    // forge compiles with a cold cache: ten seconds alone, many times that on a busy machine.
  }, 120_000)

  it('deploys with forge when nothing but the contracts is asked for', async () => {
    const account = privateKeyToAccount(generatePrivateKey())
    await anvil.request('anvil_setBalance', [account.address, '0x56bc75e2d63100000'])
    const notes: string[] = []
    await deployContracts(
      { rpcUrl: anvil.rpcUrl, account, pollingIntervalMs: 20, onNote: (note) => notes.push(note) },
      { name: 'plain' },
    )
    expect(notes).toEqual(['deploying with forge'])
  }, 120_000)

  it('raises unbonding before a longer upload window', async () => {
    const parameters = { unbondingSeconds: 5_400, uploadWindowSeconds: 1_800, maximumExecutionTimeoutSeconds: 600 }
    const { reader } = await deployTestNetwork(anvil, { parameters })
    expect(await readParameters(reader)).toMatchObject({ ...parameters, minimumExecutionTimeoutSeconds: 60 })
  })

  it('falls back to the bytecode when the forge that was found does not work, and says so', async () => {
    const broken = join(folder, 'forge')
    await writeFile(broken, '#!/bin/sh\nexit 3\n')
    await chmod(broken, 0o700)
    const account = privateKeyToAccount(generatePrivateKey())
    await anvil.request('anvil_setBalance', [account.address, '0x56bc75e2d63100000'])
    const notes: string[] = []
    const dependencies = {
      rpcUrl: anvil.rpcUrl,
      account,
      pollingIntervalMs: 20,
      environment: { CRYNUX_FORGE: broken },
      onNote: (note: string) => notes.push(note),
    }
    const profile = await deployContracts(dependencies, { name: 'fallback' })
    expect(notes).toEqual([
      'deploying with forge',
      'forge could not run the deployment script: exit status 3; deploying the shipped bytecode',
    ])
    await createChainReader({ profile, rpcUrl: anvil.rpcUrl })
    await expect(deployContracts(dependencies, { name: 'named', forge: broken })).rejects.toMatchObject({
      code: 'CRYNUX_FORGE',
      message: 'forge could not run the deployment script: exit status 3',
    })
  })

  it('gives forge neither the key nor, where others can see it, the address of the endpoint', async () => {
    const spy = join(folder, 'spy')
    const seen = join(folder, 'seen')
    await writeFile(spy, `#!/bin/sh\n{ printf '%s\\n' "$@"; echo ---; env; } > '${seen}'\nexit 3\n`)
    await chmod(spy, 0o700)
    const privateKey = generatePrivateKey()
    const account = privateKeyToAccount(privateKey)
    await deployContracts({ rpcUrl: anvil.rpcUrl, account }, { name: 'spied', forge: spy }).catch(() => undefined)
    const [visible = '', environment = ''] = (await readFile(seen, 'utf8')).split('---')
    expect(visible).toContain(account.address)
    expect(visible).not.toContain(anvil.rpcUrl)
    expect(environment).toContain(anvil.rpcUrl)
    expect(visible + environment).not.toContain(privateKey.slice(2))
    // A small environment: nothing of ours that is not needed, such as the place of the password.
    expect(environment).not.toContain('CRYNUX_PASSWORD_FILE')
  })

  it('finds no forge where CRYNUX_FORGE names none', () => {
    expect(findForge({ CRYNUX_FORGE: join(folder, 'nothing') })).toBeUndefined()
  })

  it('says that there is no money for gas', async () => {
    const account = privateKeyToAccount(generatePrivateKey())
    await expect(
      deployContracts({ rpcUrl: anvil.rpcUrl, account, pollingIntervalMs: 20 }, { name: 'poor', forge: false }),
    ).rejects.toMatchObject({ code: 'CRYNUX_INSUFFICIENT_FUNDS', exitCode: 4 })
  })
})
