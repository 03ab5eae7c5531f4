import type { LocalAccount } from 'viem'
import type { Clock } from '../base/clock.js'
import { CrynuxError, EXIT, InvalidInputError } from '../base/errors.js'
import type { Address } from '../base/hex.js'
import type { NetworkProfile } from '../protocol/networkProfile.js'
import { InsufficientFundsError } from './chainError.js'
import { type ChainReader, type ChainWriter, createChainReader, createChainWriter, readChainId } from './client.js'
import { planFromBytecode } from './deployment/bytecodePlan.js'
import { CONTRACT_BUILDS } from './deployment/contractBuilds.js'
import { DEFAULT_PARAMETERS } from './deployment/defaultParameters.js'
import { executeRecord, requireIdle, reviewRecord } from './deployment/execute.js'
import { expectedCode } from './deployment/expectedCode.js'
import { findForge } from './deployment/findForge.js'
import { planFromForge } from './deployment/forgePlan.js'
import { type DeploymentOverview, overviewOf } from './deployment/overview.js'
import type { DeploymentPlan, DeploymentRequest, NetworkContracts } from './deployment/plan.js'
import { type DeploymentMemory, type DeploymentRecord, isSameRequest, stepsOf } from './deployment/record.js'
import { verifyDeployment } from './deployment/verifyDeployment.js'
import { checkParameter, PARAMETER_NAMES, readFixedParameters, readParameterBounds } from './read/parameterBounds.js'

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
  /** Where the deployment is kept, so that a later process can go on with it; default: nowhere. */
  memory?: DeploymentMemory
  /** Shown what will be sent before anything is; throws to refuse. */
  confirm?(overview: DeploymentOverview): Promise<void>
  /** Told each transaction before it is sent. */
  onStep?(what: string): void
}

export type DeployOptions = Partial<DeploymentRequest> & {
  /** The network's name in its profile. */
  name: string
  /** A forge program; false for the shipped bytecode; by default forge where forge, compiler and sources are there. */
  forge?: string | false
}

/**
 * Puts a new network on a chain: token, incentive pool, registry, consensus, wired and configured; or goes on with a deployment
 * that was interrupted. At the end the network is compared with the build and with what was asked for.
 *
 * forge runs contracts/script/Deploy.s.sol against the chain's state and says which transactions that makes; where there is no
 * forge or no compiler, they are made from the shipped bytecode. Either way this process signs and sends them, so that the
 * private key is in no argument, environment or file of another program.
 *
 * @throws DeploymentError, DeploymentInterruptedError, UnfinishedDeploymentError, DeploymentDiffersError, InvalidInputError,
 *   InsufficientFundsError, ChainUnreachableError
 */
export async function deployContracts(
  dependencies: DeployDependencies,
  options: DeployOptions,
): Promise<NetworkProfile> {
  const { rpcUrl, account, confirm, onStep, memory = createTransientMemory() } = dependencies
  const { name, parameters = {}, relays = [] } = options
  const request: DeploymentRequest = { parameters, relays }
  const chain = createChainWriter(await connect(dependencies, { name }), { account })
  const { chainId } = chain.profile

  const earlier = memory.read()
  if (earlier && !isSameRequest(earlier.request, request)) throw new UnfinishedDeploymentError(earlier)
  const record = earlier
    ? await reviewRecord(chain, earlier)
    : await beginRecord(chain, dependencies, { request, forge: options.forge })
  const overview = await overviewOf(chain, { owner: account.address, record })
  await confirm?.(overview)
  if (overview.costWei > overview.balanceWei) throw new InsufficientFundsError()
  await executeRecord(chain, record, { memory, onStep })

  const profile: NetworkProfile = {
    version: 1,
    name,
    chainId,
    ...(isPlainUrl(rpcUrl) ? { rpcUrl } : {}),
    contracts: record.contracts,
    deployedAtBlock: Math.min(...record.steps.flatMap(({ mined }) => (mined ? [mined.blockNumber] : []))),
  }
  const verified = await verifyDeployment(
    { ...chain, profile },
    { owner: account.address, parameters: overview.parameters, relays },
  )
  return { ...profile, owner: verified.owner, parameters: verified.parameters }
}

/** What a deployment would do, without a key and without sending anything. */
export async function planDeployment(
  dependencies: Omit<DeployDependencies, 'account' | 'confirm' | 'onStep'> & { owner: Address },
  options: DeployOptions,
): Promise<DeploymentOverview> {
  const { owner, memory } = dependencies
  const { name, parameters = {}, relays = [], forge } = options
  const request: DeploymentRequest = { parameters, relays }
  const reader = await connect(dependencies, { name })
  const chain = { ...reader, account: { address: owner } } as ChainWriter
  const earlier = memory?.read()
  if (earlier && !isSameRequest(earlier.request, request)) throw new UnfinishedDeploymentError(earlier)
  const record = earlier
    ? await reviewRecord(chain, earlier)
    : await beginRecord(chain, dependencies, { request, forge })
  return overviewOf(chain, { owner, record })
}

async function connect(
  {
    rpcUrl,
    clock,
    signal,
    pollingIntervalMs,
  }: Pick<DeployDependencies, 'rpcUrl' | 'clock' | 'signal' | 'pollingIntervalMs'>,
  { name }: { name: string },
): Promise<ChainReader> {
  const unknown = `0x${'0'.repeat(40)}` as const
  return createChainReader({
    profile: {
      version: 1,
      name,
      chainId: await readChainId({ rpcUrl }),
      contracts: { token: unknown, registry: unknown, consensus: unknown, incentivePool: unknown },
      deployedAtBlock: 0,
    },
    rpcUrl,
    deployed: false,
    ...(clock ? { clock } : {}),
    ...(signal ? { signal } : {}),
    ...(pollingIntervalMs === undefined ? {} : { pollingIntervalMs }),
  })
}

async function beginRecord(
  chain: ChainWriter,
  dependencies: Pick<DeployDependencies, 'rpcUrl' | 'environment' | 'onNote' | 'signal'>,
  { request, forge }: { request: DeploymentRequest; forge: string | false | undefined },
): Promise<DeploymentRecord> {
  const nonce = await requireIdle(chain)
  const shipped = planFromBytecode({ owner: chain.account.address, nonce, ...request })
  await checkRequest(chain, { request, contracts: shipped.contracts })
  const plan = await makePlan(chain, dependencies, { request, forge, shipped })
  return { request, contracts: plan.contracts, steps: stepsOf(plan, nonce) }
}

/**
 * Compares the wishes with the contracts' bounds before anything is paid for. The contracts are not there yet, so the endpoint is
 * asked to run their code as if; one that cannot do that leaves the bounds to the contracts.
 */
async function checkRequest(
  chain: ChainReader,
  { request, contracts }: { request: DeploymentRequest; contracts: NetworkContracts },
): Promise<void> {
  const parameters = { ...DEFAULT_PARAMETERS, ...request.parameters }
  const { chainId } = chain.profile
  const codeOf = (contract: 'registry' | 'consensus') =>
    `0x${Buffer.from(expectedCode(contract, { contracts, chainId }).code).toString('hex')}` as const
  const code = { registry: codeOf('registry'), consensus: codeOf('consensus') }
  const undeployed = { ...chain, profile: { ...chain.profile, contracts } }
  const rules = await Promise.all([
    readParameterBounds(undeployed, { code }),
    readFixedParameters(undeployed, { code }),
  ]).catch((error: unknown) => {
    chain.signal?.throwIfAborted()
    if (error instanceof CrynuxError) return null
    throw error
  })
  if (rules === null) return
  const [bounds, fixed] = rules
  for (const name of PARAMETER_NAMES) checkParameter(name, { hard: bounds[name], parameters })
  const longest = fixed.find(({ name }) => name === 'longestRelayUrlBytes')?.value ?? 0
  for (const { address, url } of request.relays) {
    if (Buffer.byteLength(url) <= longest && BigInt(address) !== 0n) continue
    throw new InvalidInputError(`relay ${address} has no address, or a URL of more than ${longest} bytes`, {
      remedy: 'Name the wallet of the relay, and a shorter URL.',
    })
  }
}

async function makePlan(
  chain: ChainWriter,
  {
    rpcUrl,
    environment = process.env,
    onNote,
    signal,
  }: Pick<DeployDependencies, 'rpcUrl' | 'environment' | 'onNote' | 'signal'>,
  {
    request,
    forge,
    shipped,
  }: { request: DeploymentRequest; forge: string | false | undefined; shipped: DeploymentPlan },
): Promise<DeploymentPlan> {
  const found = forge === undefined ? findForge(environment) : forge
  if (!found) {
    onNote?.('deploying the shipped bytecode')
    return shipped
  }
  let plan: DeploymentPlan
  try {
    onNote?.('deploying with forge')
    plan = await planFromForge({
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
    const why = error instanceof CrynuxError ? error.message : 'forge failed'
    onNote?.(`${why}; deploying the shipped bytecode`)
    return shipped
  }
  requireSameContracts(plan, shipped)
  return plan
}

/** What forge compiled must be what this program was built with: anything else could not be verified, now or later. */
function requireSameContracts(plan: DeploymentPlan, shipped: DeploymentPlan): void {
  const creations = ({ transactions }: DeploymentPlan) =>
    transactions.filter(({ creates }) => creates !== null).map(({ data }) => data.toLowerCase())
  const [compiled, built] = [creations(plan), creations(shipped)]
  const names = Object.values(CONTRACT_BUILDS).map(({ name }) => name)
  const index = built.findIndex((data, position) => data !== compiled[position])
  if (index === -1 && compiled.length === built.length) return
  throw new DeploymentError(
    `forge makes another ${names[index] ?? 'network'} than the one this program was built with`,
    {
      remedy:
        'After a change of contracts/ run `npm run generate` and `npm run build`; --bytecode deploys the shipped contracts.',
    },
  )
}

function createTransientMemory(): DeploymentMemory {
  let kept: DeploymentRecord | undefined
  return {
    read: () => kept,
    write: (record) => {
      kept = record
      return Promise.resolve()
    },
  }
}

/** Only an address without path, query and credentials can hold no access key: such a one may stand in a profile. */
function isPlainUrl(rpcUrl: string): boolean {
  if (!URL.canParse(rpcUrl)) return false
  const url = new URL(rpcUrl)
  return url.href === `${url.origin}/`
}

/** The contracts could not be put on the chain as planned. */
export class DeploymentError extends CrynuxError {
  override readonly code = 'CRYNUX_DEPLOYMENT'
  override readonly exitCode = EXIT.internal
}

/** A deployment of the same wallet on the same chain, with other wishes, has not ended yet: exit status 2. */
export class UnfinishedDeploymentError extends CrynuxError {
  override readonly code = 'CRYNUX_UNFINISHED_DEPLOYMENT'
  override readonly exitCode = EXIT.usage
  constructor({ steps, request }: DeploymentRecord) {
    const mined = steps.filter((step) => step.mined !== null).length
    super('this wallet has an unfinished deployment on this chain, with other parameters or relays', {
      remedy:
        'Repeat the earlier command to finish it, or add --abandon to begin anew; what it has deployed then stays unused.',
      details: {
        transactions: steps.length,
        mined,
        parameters: Object.entries(request.parameters)
          .map(([name, value]) => `${name}=${value}`)
          .join(' '),
        relays: request.relays.map(({ address, url }) => `${address}=${url}`).join(' '),
      },
    })
  }
}
