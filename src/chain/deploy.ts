import type { LocalAccount } from 'viem'
import type { Clock } from '../base/clock.js'
import { CrynuxError, EXIT } from '../base/errors.js'
import type { Address, Hex } from '../base/hex.js'
import type { NetworkProfile } from '../protocol/networkProfile.js'
import { call } from './call.js'
import { type ChainWriter, createChainReader, createChainWriter, readChainId } from './client.js'
import { planFromBytecode } from './deployment/bytecodePlan.js'
import { findForge } from './deployment/findForge.js'
import { planFromForge } from './deployment/forgePlan.js'
import type { DeploymentPlan, DeploymentRequest } from './deployment/plan.js'
import { sendContractCall } from './send.js'

export type DeployDependencies = {
  rpcUrl: string
  /** Pays, owns the network afterwards, and gets the whole supply of CNX. */
  account: LocalAccount
  clock?: Clock
  signal?: AbortSignal
  pollingIntervalMs?: number
  /** Where CRYNUX_FORGE and PATH are looked up; default: the process's own. */
  environment?: NodeJS.ProcessEnv
  /** Told which way is taken, and why not the other. */
  onNote?(note: string): void
}

export type DeployOptions = Partial<DeploymentRequest> & {
  /** The network's name in its profile. */
  name: string
  /** A forge program; false for the shipped bytecode; by default forge where forge, compiler and sources are there. */
  forge?: string | false
}

/**
 * Puts a new network on a chain: token, incentive pool, registry, consensus, wired and configured.
 *
 * forge runs contracts/script/Deploy.s.sol against the chain's state and says which transactions that makes; where there is no
 * forge or no compiler, they are made from the shipped bytecode. Either way this process signs and sends them, so that the
 * private key is in no argument, environment or file of another program.
 *
 * @throws DeploymentError, InsufficientFundsError, ChainUnreachableError
 */
export async function deployContracts(
  dependencies: DeployDependencies,
  options: DeployOptions,
): Promise<NetworkProfile> {
  const { rpcUrl, account, clock, signal, pollingIntervalMs } = dependencies
  const { name, parameters = {}, relays = [] } = options
  const chainId = await readChainId({ rpcUrl })
  const unknown = `0x${'0'.repeat(40)}` as const
  const reader = await createChainReader({
    profile: {
      version: 1,
      name,
      chainId,
      contracts: { token: unknown, registry: unknown, consensus: unknown, incentivePool: unknown },
      deployedAtBlock: 0,
    },
    rpcUrl,
    deployed: false,
    ...(clock ? { clock } : {}),
    ...(signal ? { signal } : {}),
    ...(pollingIntervalMs === undefined ? {} : { pollingIntervalMs }),
  })
  const chain = createChainWriter(reader, { account })
  const plan = await makePlan(chain, dependencies, { request: { parameters, relays }, forge: options.forge })
  const deployedAtBlock = await execute(chain, plan)
  await verify(chain, plan)
  return {
    version: 1,
    name,
    chainId,
    ...(isPlainUrl(rpcUrl) ? { rpcUrl } : {}),
    contracts: plan.contracts,
    deployedAtBlock,
  }
}

async function makePlan(
  chain: ChainWriter,
  { rpcUrl, environment = process.env, onNote, signal }: DeployDependencies,
  { request, forge }: { request: DeploymentRequest; forge: string | false | undefined },
): Promise<DeploymentPlan> {
  const nonce = await call(chain.client.getTransactionCount({ address: chain.account.address }))
  const shipped = () => planFromBytecode({ owner: chain.account.address, nonce, ...request })
  const found = forge === undefined ? findForge(environment) : forge
  if (!found) {
    onNote?.('deploying the shipped bytecode')
    return shipped()
  }
  try {
    onNote?.('deploying with forge')
    return await planFromForge({
      forge: found,
      rpcUrl,
      owner: chain.account.address,
      environment,
      ...request,
      ...(signal ? { signal } : {}),
    })
  } catch (error) {
    signal?.throwIfAborted()
    // Whoever names a forge wants that one; one that was only found must not stand in the way.
    if (typeof forge === 'string') throw error
    onNote?.('forge failed; deploying the shipped bytecode')
    return shipped()
  }
}

/** Sends the planned transactions one after another; returns the block of the first. */
async function execute(chain: ChainWriter, plan: DeploymentPlan): Promise<number> {
  let firstBlock: number | undefined
  for (const { to, data, creates } of plan.transactions) {
    const { sent, receipt } = await sendContractCall(chain, { to, data })
    firstBlock ??= sent.blockNumber
    if (creates !== null && !isSame(receipt.contractAddress, creates)) {
      throw new DeploymentError(
        'the wallet sent another transaction during the deployment, so the contracts have other addresses',
        {
          remedy: 'Deploy again, with a wallet that nothing else uses meanwhile.',
        },
      )
    }
  }
  return firstBlock ?? 0
}

async function verify(chain: ChainWriter, { contracts }: DeploymentPlan): Promise<void> {
  for (const [contract, address] of Object.entries(contracts) as [string, Address][]) {
    const code: Hex | undefined = await call(chain.client.getCode({ address }))
    if (code === undefined || code === '0x') {
      throw new DeploymentError(`there is no code at ${address}, where ${contract} was deployed`, {
        remedy: "The chain may have been reorganised: look at the wallet's transactions, then deploy again.",
      })
    }
  }
}

/** Only an address without path, query and credentials can hold no access key: such a one may stand in a profile. */
function isPlainUrl(rpcUrl: string): boolean {
  if (!URL.canParse(rpcUrl)) return false
  const url = new URL(rpcUrl)
  return url.href === `${url.origin}/`
}

const isSame = (a: string | null | undefined, b: string): boolean => a?.toLowerCase() === b.toLowerCase()

/** The contracts could not be put on the chain as planned. */
export class DeploymentError extends CrynuxError {
  override readonly code = 'CRYNUX_DEPLOYMENT'
  override readonly exitCode = EXIT.internal
}
