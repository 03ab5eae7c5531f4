import { constants } from 'node:fs'
import { access, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CrynuxError, EXIT, InvalidInputError } from '../../base/errors.js'
import type { Address } from '../../base/hex.js'
import { makeFolder } from '../../base/makeFolder.js'
import { createChainReader, readChainId, readGenesisHash } from '../../chain/client.js'
import { type DeployDependencies, type DeployOptions, deployContracts, planDeployment } from '../../chain/deploy.js'
import type { DeploymentOverview } from '../../chain/deployment/overview.js'
import type { DeploymentRequest } from '../../chain/deployment/plan.js'
import { type DeploymentMemory, type DeploymentRecord, isSameRequest } from '../../chain/deployment/record.js'
import { verifyDeployment } from '../../chain/deployment/verifyDeployment.js'
import { type NetworkProfile, parseNetworkProfile } from '../../protocol/networkProfile.js'
import { createJournal, type Journal, JournalInUseError, readJournal } from '../../store/journal.js'
import { saveNetworkProfile } from '../../store/networkProfile.js'

export type DeployNetworkOptions = DeployOptions & {
  /** Where the profile goes. */
  out: string
  /** Replace another network's profile there; and deploy again although this network is there already. */
  force: boolean
  /** Forget an unfinished deployment of this wallet and chain. */
  abandon: boolean
}

/** A network that is deployed, and whose profile is written. */
export type DeployedNetwork = {
  path: string
  profile: NetworkProfile
  /** `deployed` by this run from the beginning; `continued` from an earlier one; `already` there. */
  outcome: 'deployed' | 'continued' | 'already'
  transactions: number
  gasUsed: bigint
}

/** What the data folder remembers of a wallet's latest deployment on one chain. */
type Entry =
  | { state: 'under way'; record: DeploymentRecord }
  | { state: 'done'; request: DeploymentRequest; profile: NetworkProfile; transactions: number; gasUsed: bigint }

const ENTRY = 'deployment'

/**
 * Deploys a network and writes its profile. Whatever ends it in between, the same call goes on where it stopped: the journal in
 * the data folder is flushed before each transaction is sent.
 *
 * @param report told the result; when it returns, the deployment is no longer remembered as unfinished.
 * @throws what deployContracts throws; InvalidInputError when another profile is there; DeploymentInUseError;
 *   ProfileUnwritableError
 */
export async function deployNetwork(
  dependencies: Omit<DeployDependencies, 'memory'> & { dataFolder: string; report(network: DeployedNetwork): void },
  { out, force, abandon, ...options }: DeployNetworkOptions,
): Promise<void> {
  const { rpcUrl, account, dataFolder, report } = dependencies
  const request: DeploymentRequest = { parameters: options.parameters ?? {}, relays: options.relays ?? [] }
  const journal = await openJournal(await pathOf({ rpcUrl, dataFolder, owner: account.address }), account.address)
  try {
    const existing = await readExisting(out)
    let entry = journal.get(ENTRY)
    if (entry?.state === 'done' && !force && isSameRequest(entry.request, request) && isOf(existing, entry.profile)) {
      const { profile, transactions, gasUsed } = entry
      await verifyDeployment(await createChainReader({ profile, rpcUrl }), { owner: profile.owner })
      report({ path: out, profile, outcome: 'already', transactions, gasUsed })
      return
    }
    if (abandon && entry?.state === 'under way') {
      await journal.delete(ENTRY)
      entry = undefined
    }
    const earlier = entry?.state === 'under way' ? entry.record : undefined
    if (!force && existing !== null && !(earlier && isOf(existing, earlier))) throw existsAlready(out)
    await requireWritable(out)
    const memory = memoryIn(journal, earlier)
    const profile = await deployAndSave({ ...dependencies, memory }, { out, ...options })
    const mined = (memory.read()?.steps ?? []).flatMap((step) => (step.mined ? [step.mined] : []))
    const done = { profile, transactions: mined.length, gasUsed: mined.reduce((sum, { gasUsed }) => sum + gasUsed, 0n) }
    report({ path: out, outcome: earlier ? 'continued' : 'deployed', ...done })
    // Only now: whoever was not told must be able to ask again.
    await journal.set(ENTRY, { state: 'done', request, ...done })
  } finally {
    await journal.close()
  }
}

/** Deploys and writes the profile; when that stops after something was sent, says how far it came. */
async function deployAndSave(
  dependencies: DeployDependencies & { memory: DeploymentMemory },
  { out, ...options }: DeployOptions & { out: string },
): Promise<NetworkProfile> {
  const { memory, onNote, onStep } = dependencies
  let began = false
  const noteStep = (what: string) => {
    began = true
    onStep?.(what)
  }
  try {
    const profile = await deployContracts({ ...dependencies, onStep: noteStep }, options)
    await save(out, profile)
    return profile
  } catch (error) {
    const steps = memory.read()?.steps ?? []
    const mined = steps.filter((step) => step.mined !== null).length
    if (began) onNote?.(`${mined} of ${steps.length} transactions are done; the same command goes on from there`)
    throw error
  }
}

/** What {@link deployNetwork} would do now, without a key and without sending anything. */
export async function planNetwork(
  dependencies: Parameters<typeof planDeployment>[0] & { dataFolder: string },
  { abandon, ...options }: DeployOptions & { abandon: boolean },
): Promise<DeploymentOverview> {
  const { rpcUrl, owner, dataFolder } = dependencies
  const entry = (await readJournal<Entry>({ path: await pathOf({ rpcUrl, dataFolder, owner }) })).get(ENTRY)
  const earlier = !abandon && entry?.state === 'under way' ? entry.record : undefined
  return planDeployment({ ...dependencies, memory: { read: () => earlier, write: async () => {} } }, options)
}

function memoryIn(journal: Journal<Entry>, earlier: DeploymentRecord | undefined): DeploymentMemory {
  let present = earlier
  return {
    read: () => present,
    write: async (record) => {
      await journal.set(ENTRY, { state: 'under way', record })
      present = record
    },
  }
}

/** One journal for each wallet and chain: two deployments of one wallet at a time would take each other's numbers. */
async function pathOf({
  rpcUrl,
  dataFolder,
  owner,
}: {
  rpcUrl: string
  dataFolder: string
  owner: Address
}): Promise<string> {
  const [chainId, genesis] = [await readChainId({ rpcUrl }), await readGenesisHash({ rpcUrl })]
  return join(dataFolder, 'deployments', `${chainId}-${genesis?.slice(2, 18) ?? 'unknown'}-${owner.toLowerCase()}`)
}

const openJournal = (path: string, owner: Address): Promise<Journal<Entry>> =>
  createJournal<Entry>({ path }).catch((error: unknown) => {
    throw error instanceof JournalInUseError ? new DeploymentInUseError(owner, error) : error
  })

/** The profile in a file, `other` for anything else, null where there is no file. */
async function readExisting(path: string): Promise<NetworkProfile | 'other' | null> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    // A folder, or a place that cannot be: said where it is to be written.
    return ['ENOENT', 'ENOTDIR', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '') ? null : 'other'
  }
  try {
    return parseNetworkProfile(JSON.parse(text))
  } catch {
    return 'other'
  }
}

/** Whether a file holds the profile of these contracts. */
function isOf(
  existing: NetworkProfile | 'other' | null,
  { contracts }: { contracts: NetworkProfile['contracts'] },
): boolean {
  if (existing === null || existing === 'other') return false
  return Object.entries(existing.contracts).every(
    ([name, address]) => contracts[name as keyof typeof contracts].toLowerCase() === address.toLowerCase(),
  )
}

const existsAlready = (path: string) =>
  new InvalidInputError(`'${path}' exists already, and is not the profile of this deployment`, {
    remedy: 'Choose another --out, or add --force to replace it.',
    details: { path },
  })

/** Nobody shall pay for a network whose profile has no place. */
async function requireWritable(path: string): Promise<void> {
  try {
    await makeFolder(dirname(path))
    await access(dirname(path), constants.W_OK)
    if ((await stat(path).catch(() => null))?.isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' })
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? 'unknown error'
    throw new ProfileUnwritableError(`the profile '${path}' cannot be written (${reason})`, {
      remedy: 'Choose another --out; nothing was sent.',
      details: { path, reason },
      cause,
    })
  }
}

async function save(path: string, profile: NetworkProfile): Promise<void> {
  try {
    await saveNetworkProfile(path, profile)
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? 'unknown error'
    throw new ProfileUnwritableError(
      `the network is deployed, but its profile '${path}' cannot be written (${reason})`,
      {
        remedy: 'Make room or choose another --out, and run the same command again: nothing is deployed twice.',
        details: { path, reason },
        cause,
      },
    )
  }
}

/** Another process deploys with the same wallet on the same chain: exit status 75. */
export class DeploymentInUseError extends CrynuxError {
  override readonly code = 'CRYNUX_DEPLOYMENT_IN_USE'
  override readonly exitCode = EXIT.temporary
  constructor(owner: Address, cause: unknown) {
    super(`another crynux process deploys with wallet ${owner} on this chain`, {
      remedy: 'Wait until it is done, or stop it and run this again: it goes on from there.',
      details: { owner },
      cause,
    })
  }
}

/** The disk refuses the profile: exit status 3. */
export class ProfileUnwritableError extends CrynuxError {
  override readonly code = 'CRYNUX_PROFILE_UNWRITABLE'
  override readonly exitCode = EXIT.configuration
}
