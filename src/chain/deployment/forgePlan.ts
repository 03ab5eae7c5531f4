import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { CrynuxError, EXIT } from '../../base/errors.js'
import type { Address, Hex } from '../../base/hex.js'
import { packageRoot } from '../../base/packageRoot.js'
import type { NetworkParameters } from '../../protocol/networkParameters.js'
import { CONTRACT_BUILDS } from './contractBuilds.js'
import type { DeploymentPlan, DeploymentRequest } from './plan.js'

const SCRIPT = 'contracts/script/Deploy.s.sol'
/** The slowest part is compiling, a few seconds; a busy machine may need many times that. */
const TIMEOUT_MS = 180_000

/** How the script is told each parameter. */
const VARIABLES: Record<keyof NetworkParameters, string> = {
  minimumStakeWei: 'MINIMUM_STAKE',
  unbondingSeconds: 'UNBONDING',
  penaltyBasisPoints: 'PENALTY',
  hammingThreshold: 'HAMMING_THRESHOLD',
  minimumExecutionTimeoutSeconds: 'MINIMUM_EXECUTION_TIMEOUT',
  maximumExecutionTimeoutSeconds: 'MAXIMUM_EXECUTION_TIMEOUT',
  revealWindowSeconds: 'REVEAL_WINDOW',
  uploadWindowSeconds: 'UPLOAD_WINDOW',
  errorFeeBasisPoints: 'ERROR_FEE',
  minimumFeeWei: 'MINIMUM_FEE',
}

export type ForgePlanOptions = DeploymentRequest & {
  forge: string
  rpcUrl: string
  owner: Address
  environment: NodeJS.ProcessEnv
  signal?: AbortSignal
}

/**
 * Runs the deployment script with `forge script`, without sending anything, and takes over the transactions that it would send.
 *
 * Everything that forge writes is in a temporary folder, so that the package's own folder may be read-only.
 *
 * @throws ForgeError when forge fails or answers in an unknown form
 */
export async function planFromForge(options: ForgePlanOptions): Promise<DeploymentPlan> {
  const folder = await mkdtemp(join(tmpdir(), 'crynux-forge-'))
  try {
    const { stdout } = await runForge(folder, options)
    const record: unknown = JSON.parse(await readFile(await findRecord(folder), 'utf8'))
    return planOf(record, lastJson(stdout))
  } catch (error) {
    options.signal?.throwIfAborted()
    throw error instanceof ForgeError ? error : unknownForm(error)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function runForge(folder: string, options: ForgePlanOptions): Promise<{ stdout: string }> {
  const { forge, rpcUrl, owner, environment, signal } = options
  const result = await execa(forge, ['script', `${SCRIPT}:Deploy`, '--sender', owner, '--json'], {
    cwd: packageRoot,
    extendEnv: false,
    env: {
      PATH: environment.PATH ?? '',
      HOME: folder,
      TMPDIR: folder,
      NO_COLOR: '1',
      // By environment and not by argument: an endpoint's address can hold an access key, and arguments are public.
      FOUNDRY_ETH_RPC_URL: (rpcUrl.split(',')[0] ?? '').trim(),
      FOUNDRY_SOLC: join(packageRoot, 'scripts/solc.cjs'),
      FOUNDRY_OUT: join(folder, 'out'),
      // Only `npm run generate` reads syntax trees.
      FOUNDRY_AST: 'false',
      FOUNDRY_CACHE_PATH: join(folder, 'cache'),
      FOUNDRY_BROADCAST: join(folder, 'broadcast'),
      ...variablesOf(options),
    },
    stdin: 'ignore',
    timeout: TIMEOUT_MS,
    maxBuffer: 64 * 1024 * 1024,
    reject: false,
    ...(signal ? { cancelSignal: signal } : {}),
  })
  signal?.throwIfAborted()
  if (result.failed) {
    const why = result.timedOut
      ? 'it took too long'
      : result.exitCode === undefined
        ? 'it could not be started'
        : `exit status ${result.exitCode}`
    // Its words are left out: they quote the endpoint.
    throw new ForgeError(`forge could not run the deployment script: ${why}`, {
      remedy: 'Check CRYNUX_FORGE, or run `npm run format` and `npm test` to see whether the contracts compile.',
    })
  }
  return { stdout: result.stdout }
}

function variablesOf({ parameters, relays }: DeploymentRequest): Record<string, string> {
  const variables: Record<string, string> = {}
  for (const [name, variable] of Object.entries(VARIABLES)) {
    const value = parameters[name as keyof NetworkParameters]
    if (value !== undefined) variables[`CRYNUX_DEPLOY_${variable}`] = String(value)
  }
  // A comma separates relays; inside of a URL it can be written as %2C.
  if (relays.length > 0) {
    variables.CRYNUX_DEPLOY_RELAYS = relays
      .map(({ address, url }) => `${address}=${url.replaceAll(',', '%2C')}`)
      .join(',')
  }
  return variables
}

/** The record of a run without sending: `broadcast/<script>/<chain>/dry-run/run-latest.json`. */
async function findRecord(folder: string): Promise<string> {
  const scriptFolder = join(folder, 'broadcast', 'Deploy.s.sol')
  const [chain = ''] = await readdir(scriptFolder)
  return join(scriptFolder, chain, 'dry-run', 'run-latest.json')
}

/** forge writes one JSON document on each line; the last that holds return values is the script's. */
function lastJson(stdout: string): unknown {
  const documents = stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  return documents.findLast((document) => 'returns' in document)
}

function planOf(record: unknown, answer: unknown): DeploymentPlan {
  const { transactions } = record as { transactions: ForgeTransaction[] }
  const { returns } = answer as { returns: Record<string, { value: Address } | undefined> }
  const addressOf = (name: string): Address => {
    const address = returns[name]?.value
    if (address === undefined || !/^0x[0-9a-f]{40}$/i.test(address)) throw unknownForm()
    return address
  }
  // The four contracts; with the contracts' own parameters and no relay there is nothing else.
  if (transactions.length < Object.keys(CONTRACT_BUILDS).length) throw unknownForm()
  return {
    transactions: transactions.map(({ transactionType, contractAddress, transaction }) => {
      const isCreation = transactionType === 'CREATE'
      if (!isCreation && (transactionType !== 'CALL' || !transaction.to)) throw unknownForm()
      return {
        to: isCreation ? null : (transaction.to ?? null),
        data: transaction.input,
        creates: isCreation ? contractAddress : null,
      }
    }),
    contracts: {
      token: addressOf('token'),
      registry: addressOf('registry'),
      consensus: addressOf('consensus'),
      incentivePool: addressOf('incentivePool'),
    },
  }
}

type ForgeTransaction = {
  transactionType: string
  contractAddress: Address | null
  transaction: { to?: Address | null; input: Hex }
}

const unknownForm = (cause?: unknown) =>
  new ForgeError('forge answered in an unknown form', {
    remedy: 'Use the version of forge that package.json names, or remove CRYNUX_FORGE.',
    cause,
  })

/** forge did not do its part. */
export class ForgeError extends CrynuxError {
  override readonly code = 'CRYNUX_FORGE'
  override readonly exitCode = EXIT.internal
}
