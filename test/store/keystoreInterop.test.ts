import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../src/base/packageRoot.js'
import { findForge } from '../../src/chain/deployment/findForge.js'
import { createKeystore } from '../../src/store/keystore.js'
import { startAnvil, type TestAnvil } from '../helpers/anvil.js'

/** The smallest script that has to sign something. */
const SCRIPT = `pragma solidity ^0.8.28;
interface Vm { function startBroadcast() external; function stopBroadcast() external; }
contract Made {}
contract Script {
    Vm constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    function run() external { VM.startBroadcast(); new Made(); VM.stopBroadcast(); }
}`

let anvil: TestAnvil
let folder: string

beforeAll(async () => {
  anvil = await startAnvil()
  folder = await mkdtemp(join(tmpdir(), 'crynux-interop-'))
})
afterAll(async () => {
  await anvil.stop()
  await rm(folder, { recursive: true })
})

const forge = findForge(process.env)

describe('keystore and Foundry', () => {
  it.skipIf(!forge)('lets Foundry sign with a keystore that we made', { timeout: 60_000 }, async () => {
    const path = join(folder, 'wallet.json')
    const passwordFile = join(folder, 'password')
    await writeFile(passwordFile, 'a password', { mode: 0o600 })
    const { address } = await createKeystore({ path, password: 'a password', scryptN: 4096 })
    await anvil.request('anvil_setBalance', [address, '0x56bc75e2d63100000'])
    await mkdir(join(folder, 'script'))
    await writeFile(join(folder, 'script/Script.s.sol'), SCRIPT)
    await writeFile(
      join(folder, 'foundry.toml'),
      `[profile.default]\nsrc = "script"\noffline = true\nsolc = "${join(packageRoot, 'scripts/solc.cjs')}"\n`,
    )
    await promisify(execFile)(
      forge ?? '',
      [
        'script',
        'script/Script.s.sol:Script',
        '--keystore',
        path,
        '--password-file',
        passwordFile,
        '--sender',
        address,
        '--broadcast',
      ],
      { cwd: folder, env: { PATH: process.env.PATH, HOME: folder, FOUNDRY_ETH_RPC_URL: anvil.rpcUrl } },
    )
    expect(await anvil.request('eth_getTransactionCount', [address, 'latest'])).toBe('0x1')
  })
})
