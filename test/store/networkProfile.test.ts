import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type NetworkProfile, parseNetworkProfile } from '../../src/protocol/networkProfile.js'
import { loadNetworkProfile, saveNetworkProfile } from '../../src/store/networkProfile.js'

const profile: NetworkProfile = {
  version: 1,
  name: 'test',
  chainId: 31337,
  rpcUrl: 'http://127.0.0.1:8545',
  contracts: {
    token: `0x${'1'.repeat(40)}`,
    registry: `0x${'2'.repeat(40)}`,
    consensus: `0x${'3'.repeat(40)}`,
    incentivePool: `0x${'4'.repeat(40)}`,
  },
  deployedAtBlock: 7,
}
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crynux-profile-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('network profile', () => {
  it('comes back as it was saved, and replaces an older one in one step', async () => {
    const path = join(folder, 'new', 'network.json')
    await saveNetworkProfile(path, { ...profile, name: 'older' })
    await saveNetworkProfile(path, profile)
    expect(await loadNetworkProfile(path)).toEqual(profile)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readdir(join(folder, 'new'))).toEqual(['network.json'])
  })

  it('keeps owner and parameters, amounts without loss, and leaves out what it does not know', async () => {
    const path = join(folder, 'full.json')
    const owner = `0x${'5'.repeat(40)}` as const
    const parameters = { minimumStakeWei: 400_000_000_000_000_000_001n, unbondingSeconds: 90 }
    await saveNetworkProfile(path, { ...profile, owner, parameters })
    expect(await loadNetworkProfile(path)).toEqual({ ...profile, owner, parameters })
    const written = JSON.parse(await readFile(path, 'utf8')) as { parameters: Record<string, unknown> }
    expect(written.parameters).toEqual({ minimumStakeWei: '400000000000000000001', unbondingSeconds: 90 })
    await writeFile(path, JSON.stringify({ ...written, parameters: { ...written.parameters, later: 1 }, later: [] }))
    expect(await loadNetworkProfile(path)).toEqual({ ...profile, owner, parameters })
  })

  it('says what is wrong', async () => {
    await expect(loadNetworkProfile(join(folder, 'none.json'))).rejects.toMatchObject({ exitCode: 3 })
    await writeFile(join(folder, 'text.json'), 'hello')
    await expect(loadNetworkProfile(join(folder, 'text.json'))).rejects.toThrow('is not JSON')
  })

  it.each([
    [[], 'it is not a JSON object'],
    [{ ...profile, version: 2 }, 'version is 2'],
    [{ ...profile, chainId: '1' }, 'chainId is "1", not a whole number'],
    [{ ...profile, contracts: { ...profile.contracts, token: '0x12' } }, 'contracts.token is "0x12", not an address'],
    [{ ...profile, contracts: undefined }, 'contracts.token is missing, not an address'],
    [{ ...profile, deployedAtBlock: -1 }, 'deployedAtBlock is -1'],
    [{ ...profile, owner: 'me' }, 'owner is "me", not an address'],
    [{ ...profile, parameters: [] }, 'parameters is not a JSON object'],
    [{ ...profile, parameters: { minimumStakeWei: 400 } }, 'parameters.minimumStakeWei is 400, not a decimal text'],
    [{ ...profile, parameters: { unbondingSeconds: '90' } }, 'parameters.unbondingSeconds is "90", not a whole number'],
  ])('refuses %#', (value, reason) => {
    expect(() => parseNetworkProfile(value)).toThrow(reason)
  })
})
