import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
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
  ])('refuses %#', (value, reason) => {
    expect(() => parseNetworkProfile(value)).toThrow(reason)
  })
})
