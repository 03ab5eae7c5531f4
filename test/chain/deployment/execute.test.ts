import { getContractAddress } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { taskConsensusAbi } from '../../../src/chain/abi.generated.js'
import { createChainReader, createChainWriter } from '../../../src/chain/client.js'
import { type DeployDependencies, deployContracts } from '../../../src/chain/deploy.js'
import { DEFAULT_PARAMETERS } from '../../../src/chain/deployment/defaultParameters.js'
import type { DeploymentMemory, DeploymentRecord } from '../../../src/chain/deployment/record.js'
import { verifyDeployment } from '../../../src/chain/deployment/verifyDeployment.js'
import { CHALLENGE_UPLOAD_WINDOWS } from '../../../src/chain/read/parameterBounds.js'
import { readParameters } from '../../../src/chain/read/parameters.js'
import { sendContractCall } from '../../../src/chain/send.js'
import { startAnvil, type TestAnvil } from '../../helpers/anvil.js'

const OPTIONS = {
  name: 'test',
  forge: false,
  parameters: { unbondingSeconds: 3_600, penaltyBasisPoints: 300 },
} as const

let anvil: TestAnvil
let account: ReturnType<typeof privateKeyToAccount>
let memory: DeploymentMemory & { onWrite: (record: DeploymentRecord) => unknown }

beforeAll(async () => {
  anvil = await startAnvil()
})
afterAll(() => anvil.stop())
beforeEach(async () => {
  account = privateKeyToAccount(generatePrivateKey())
  await anvil.request('anvil_setBalance', [account.address, '0x56bc75e2d63100000'])
  let kept: DeploymentRecord | undefined
  memory = {
    read: () => structuredClone(kept),
    write: async (record) => {
      kept = structuredClone(record)
      await memory.onWrite(record)
    },
    onWrite: () => {},
  }
})

const deploy = (extra: Partial<DeployDependencies> = {}) =>
  deployContracts({ rpcUrl: anvil.rpcUrl, account, pollingIntervalMs: 20, memory, ...extra }, OPTIONS)

const addressOf = (nonce: number) => getContractAddress({ from: account.address, nonce: BigInt(nonce) })
const sentByOwner = async () => Number(await anvil.request('eth_getTransactionCount', [account.address, 'latest']))

/** What else somebody does with the wallet: a transfer of nothing to itself. */
async function sendSomethingElse(): Promise<void> {
  const nowhere = { token: addressOf(0), registry: addressOf(0), consensus: addressOf(0), incentivePool: addressOf(0) }
  const profile = { version: 1, name: 'other', chainId: 31_337, contracts: nowhere, deployedAtBlock: 0 } as const
  const reader = await createChainReader({ profile, rpcUrl: anvil.rpcUrl, deployed: false, pollingIntervalMs: 20 })
  await sendContractCall(createChainWriter(reader, { account }), { to: account.address, data: '0x' })
}

describe('a deployment whose wallet sends something else meanwhile', () => {
  it('stops with a remedy, keeps the contracts that are there, and plans the others again', async () => {
    let interfered = false
    memory.onWrite = async ({ steps }) => {
      if (interfered || steps[2]?.signed.length !== 1) return
      interfered = true
      await sendSomethingElse()
    }
    await expect(deploy()).rejects.toMatchObject({
      code: 'CRYNUX_DEPLOYMENT_INTERRUPTED',
      exitCode: 75,
      message: "the wallet sent another transaction in place of 'create NodeRegistry'",
      remedy: expect.stringContaining('run the same command again'),
    })
    memory.onWrite = () => {}
    const profile = await deploy()
    expect(profile.contracts).toMatchObject({
      token: addressOf(0),
      incentivePool: addressOf(1),
      registry: addressOf(3),
      consensus: addressOf(4),
    })
    expect(profile.parameters).toMatchObject(OPTIONS.parameters)
    // Four contracts, the other transaction, and each call once.
    expect(await sentByOwner()).toBe((memory.read()?.steps.length ?? 0) + 1)
  })

  it('plans the others again when the next run finds out', async () => {
    const stop = (what: string) => {
      if (what === 'create TaskConsensus') throw new Error('as if killed')
    }
    await expect(deploy({ onStep: stop })).rejects.toThrow('as if killed')
    await sendSomethingElse()
    const profile = await deploy()
    // The registry names the consensus by its address: it is of no use without it.
    expect(profile.contracts).toMatchObject({
      token: addressOf(0),
      incentivePool: addressOf(1),
      registry: addressOf(4),
      consensus: addressOf(5),
    })
  })

  it('gives a call another number when it lost its own', async () => {
    await deploy({
      onStep: (what) => {
        if (what.startsWith('NodeRegistry.setPenalty')) throw new Error('as if killed')
      },
    }).catch(() => undefined)
    await sendSomethingElse()
    const before = await sentByOwner()
    const profile = await deploy()
    expect(profile.contracts.consensus).toBe(addressOf(3))
    expect(profile.parameters).toMatchObject(OPTIONS.parameters)
    expect(await sentByOwner()).toBe(before + 1)
  })

  it('waits for its own transaction that is in no block yet, and sends no second one', async () => {
    await anvil.request('evm_setAutomine', [false])
    const stop = new AbortController()
    const stopped = deploy({ signal: stop.signal })
    const pending = () => anvil.request('eth_getTransactionCount', [account.address, 'pending'])
    await expect.poll(pending, { timeout: 20_000 }).toBe('0x1')
    stop.abort(new Error('as if killed'))
    await expect(stopped).rejects.toThrow('as if killed')
    const overviews: string[] = []
    const continued = deploy({
      confirm: async ({ transactions }) => {
        overviews.push(...transactions.map(({ state }) => state))
        await anvil.request('evm_setAutomine', [true])
        await anvil.request('evm_mine', [])
      },
    })
    expect((await continued).contracts.token).toBe(addressOf(0))
    expect(overviews.slice(0, 2)).toEqual(['sent', 'to send'])
    expect(memory.read()?.steps[0]?.signed).toHaveLength(1)
    expect(await sentByOwner()).toBe(memory.read()?.steps.length)
  })

  it('does not begin while the wallet has transactions under way', async () => {
    await anvil.request('evm_setAutomine', [false])
    try {
      await anvil.request('anvil_impersonateAccount', [account.address])
      await anvil.request('eth_sendTransaction', [{ from: account.address, to: account.address }])
      await expect(deploy()).rejects.toMatchObject({
        code: 'CRYNUX_DEPLOYMENT_INTERRUPTED',
        message: 'the wallet has 1 transaction under way',
      })
      expect(memory.read()).toBeUndefined()
    } finally {
      await anvil.request('evm_setAutomine', [true])
      await anvil.request('evm_mine', [])
    }
  })
})

describe('a transaction of a deployment that fails on the chain', () => {
  it('is signed anew under its number when the price of gas rose after it was signed', async () => {
    let raised = false
    memory.onWrite = async ({ steps }) => {
      if (raised || steps[1]?.signed.length !== 1) return
      raised = true
      await anvil.request('anvil_setNextBlockBaseFeePerGas', [`0x${(10n ** 12n).toString(16)}`])
      await anvil.request('evm_mine', [])
    }
    await expect(deploy()).rejects.toMatchObject({ exitCode: expect.any(Number) })
    expect(raised).toBe(true)
    expect(await sentByOwner()).toBe(1)
    const profile = await deploy()
    expect(profile.contracts).toMatchObject({
      token: addressOf(0),
      incentivePool: addressOf(1),
      registry: addressOf(2),
    })
    const { steps } = memory.read() as DeploymentRecord
    expect(steps[1]?.signed).toHaveLength(2)
    expect(await sentByOwner()).toBe(steps.length)
  })

  it('is made again elsewhere when it was to create a contract, and the earlier contracts are kept', async () => {
    let spoilt = false
    memory.onWrite = async ({ steps }) => {
      const step = steps[2]
      if (spoilt || !step || step.signed.length === 0) return
      spoilt = true
      // A contract cannot be created where there is code. It was signed already, so no estimate finds that out.
      await anvil.request('anvil_setCode', [step.creates, '0x00'])
    }
    await expect(deploy()).rejects.toMatchObject({
      code: 'CRYNUX_DEPLOYMENT_INTERRUPTED',
      message: "the transaction 'create NodeRegistry' failed on the chain",
    })
    const profile = await deploy()
    expect(profile.contracts).toMatchObject({
      token: addressOf(0),
      incentivePool: addressOf(1),
      registry: addressOf(3),
    })
    expect(await sentByOwner()).toBe((memory.read()?.steps.length ?? 0) + 1)
  })
})

describe('what a network begins with', () => {
  it('has the defaults that the program names, and a challenge of as many upload windows', async () => {
    const profile = await deployContracts(
      { rpcUrl: anvil.rpcUrl, account, pollingIntervalMs: 20 },
      { name: 'plain', forge: false },
    )
    expect(profile.parameters).toEqual(DEFAULT_PARAMETERS)
    const reader = await createChainReader({ profile, rpcUrl: anvil.rpcUrl })
    expect(await readParameters(reader)).toEqual(DEFAULT_PARAMETERS)
    const longest = await reader.client.readContract({
      address: profile.contracts.consensus,
      abi: taskConsensusAbi,
      functionName: 'longestChallengeSeconds',
    })
    expect(longest).toBe(CHALLENGE_UPLOAD_WINDOWS * BigInt(DEFAULT_PARAMETERS.uploadWindowSeconds))
  })

  it('differs when a contract knows another one than its own', async () => {
    const options = { name: 'plain', forge: false } as const
    const dependencies = { rpcUrl: anvil.rpcUrl, account, pollingIntervalMs: 20 }
    const [one, other] = [await deployContracts(dependencies, options), await deployContracts(dependencies, options)]
    const profile = { ...one, contracts: { ...one.contracts, registry: other.contracts.registry } }
    const reader = await createChainReader({ profile, rpcUrl: anvil.rpcUrl })
    await expect(verifyDeployment(reader, {})).rejects.toMatchObject({
      code: 'CRYNUX_DEPLOYMENT_DIFFERS',
      exitCode: 11,
      details: { contract: 'NodeRegistry', address: other.contracts.registry, immutable: expect.any(String) },
    })
  })
})
