import { rename, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Clock } from '../../base/clock.js'
import type { CrynuxError } from '../../base/errors.js'
import type { Address } from '../../base/hex.js'
import { parseCnx } from '../../base/units.js'
import { type ChainReader, type ChainWriter, createChainReader, createChainWriter } from '../../chain/client.js'
import { deployContracts } from '../../chain/deploy.js'
import { readAssignments } from '../../chain/read/assignments.js'
import { readNode } from '../../chain/read/node.js'
import { setRelay } from '../../chain/write/setRelay.js'
import { transferToken } from '../../chain/write/transferToken.js'
import type { NetworkProfile } from '../../protocol/networkProfile.js'
import { saveNetworkProfile } from '../../store/networkProfile.js'
import { createDevnetFolder, crynuxProgram, type DevnetFolder } from './devnetFolder.js'
import { createDevnetWallet, type DevnetWallet } from './devnetWallets.js'
import { findAnvil } from './findAnvil.js'
import { divideNodes, type NodeFault, type NodeFaults } from './nodeFaults.js'
import { type Anvil, DEVNET_CHAIN_ID, startAnvil } from './startAnvil.js'
import { processEnded, readTail, type SupervisedProcess, startSupervisedProcess } from './supervisedProcess.js'

/** Short times, so that a silent node is noticed while somebody watches. Unbonding covers the longest challenge. */
const PARAMETERS = {
  minimumExecutionTimeoutSeconds: 5,
  revealWindowSeconds: 30,
  uploadWindowSeconds: 30,
  unbondingSeconds: 90,
}
const ETHER_FOR_GAS = 10n ** 21n
const NODE_CNX = parseCnx('1000')
const APP_CNX = parseCnx('100000')
const BLOCK_SECONDS = 1
const START_TIMEOUT_MS = 60_000
const POLLING_MS = 50
/** What our own programs may take to end; then they are killed. A task in progress is worth nothing any more. */
const GRACE_MS = 5_000

export type DevnetNode = {
  number: number
  address: Address
  folder: string
  fault: NodeFault | null
  pid: number
  /** What `crynux node start` needs to be this node. */
  environment: Record<string, string>
}

/** A whole network on this machine. */
export type Devnet = {
  folder: DevnetFolder
  rpcUrl: string
  profile: NetworkProfile
  relay: { address: Address; url: string }
  /** Those that were started; spare ones follow. */
  nodes: readonly DevnetNode[]
  app: DevnetWallet & { dataFolder: string }
  /** What a command needs to use this network as the application; `CRYNUX_…` and PATH. */
  environment: Record<string, string>
  /** The chain, with short waits. */
  chain: ChainReader
  /** A writer for a wallet that is in the network. */
  writer(wallet: DevnetWallet): ChainWriter
  /** Stops everything in reverse order and deletes the folder unless it is kept. May be called twice. */
  close(): Promise<void>
}

/** What happens while a devnet starts and runs. */
export type DevnetEvent =
  | { at: 'chain'; url: string }
  | { at: 'note'; text: string }
  | { at: 'contracts'; profile: NetworkProfile }
  | { at: 'relay'; url: string }
  | { at: 'node'; number: number; address: Address; fault: NodeFault | null; ready: number; wanted: number }
  /** Every faulty node has been drawn, and a spare one has joined. */
  | { at: 'spare'; number: number; address: Address }
  /** A process has ended that was to run on; the others run on. */
  | { at: 'lost'; process: string; error: CrynuxError }

export type DevnetDependencies = {
  clock: Clock
  /** Ends the start; a running devnet is ended with `close`. */
  signal: AbortSignal
  /** Our own environment, of which the processes get a small part. */
  environment: NodeJS.ProcessEnv
  onEvent(event: DevnetEvent): void
}

export type DevnetOptions = {
  nodes: number
  faults: NodeFaults
  /** Deploy the shipped bytecode even where forge is found: some seconds quicker. */
  bytecode?: boolean | undefined
  /** Keep everything in this folder, which must be new or empty. */
  keep?: string | undefined
}

/**
 * Starts chain, contracts, relay and nodes as separate processes in one folder, and resolves when every node of the first
 * draw is available.
 *
 * @throws InvalidInputError, AnvilMissingError, ProcessEndedError, ProcessTooSlowError; nothing is left behind then.
 */
export async function startDevnet(dependencies: DevnetDependencies, options: DevnetOptions): Promise<Devnet> {
  const { clock, onEvent } = dependencies
  const division = divideNodes(options)
  const anvilFile = findAnvil(dependencies.environment)
  const folder = await createDevnetFolder({ keep: options.keep })
  const closing = new AbortController()
  const signal = AbortSignal.any([dependencies.signal, closing.signal])
  const environment = childEnvironment(dependencies.environment, folder)

  let anvil: Anvil | undefined
  let relayProcess: SupervisedProcess | undefined
  const nodeProcesses: SupervisedProcess[] = []
  let background: Promise<void> = Promise.resolve()
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => {
    closed ??= (async () => {
      closing.abort(new DOMException('the devnet is closed', 'AbortError'))
      await background
      await Promise.all(nodeProcesses.map((each) => each.stop({ clock, graceMs: GRACE_MS })))
      await relayProcess?.stop({ clock, graceMs: GRACE_MS })
      await anvil?.process.stop({ clock, graceMs: 2 * GRACE_MS })
      await folder.remove()
    })()
    return closed
  }
  const watch = (process: SupervisedProcess): void => {
    void process.ended.then(async (end) => {
      if (closing.signal.aborted) return
      const error = processEnded(process.name, end, await readTail(process.logPath).catch(() => ''), process.logPath)
      onEvent({ at: 'lost', process: process.name, error })
    })
  }
  const startProgram = (name: string, home: string, args: string[], extra: Record<string, string>) =>
    startSupervisedProcess({
      name,
      file: process.execPath,
      args: [crynuxProgram, ...args],
      environment: { ...environment, ...extra },
      cwd: home,
      logPath: join(home, `${name.replace(/-\d+$/, '')}.log`),
    })

  try {
    const [chainProcess, wallets] = await Promise.all([
      startAnvil(
        { clock, signal },
        {
          file: anvilFile,
          folder: folder.chain,
          environment,
          ...(folder.kept ? {} : { removeFolder: folder.path }),
        },
      ).then((started) => {
        anvil = started
        onEvent({ at: 'chain', url: started.url })
        return started
      }),
      createWallets(folder, options.nodes),
    ])
    await Promise.all(
      [wallets.owner, wallets.app, ...wallets.nodes].map(({ wallet }) =>
        chainProcess.request('anvil_setBalance', [wallet.address, `0x${ETHER_FOR_GAS.toString(16)}`]),
      ),
    )
    const profile = await deployContracts(
      {
        rpcUrl: chainProcess.url,
        account: wallets.owner.wallet.account,
        clock,
        signal,
        pollingIntervalMs: POLLING_MS,
        environment: dependencies.environment,
        onNote: (text) => onEvent({ at: 'note', text }),
      },
      {
        name: 'devnet',
        parameters: PARAMETERS,
        ...(options.bytecode ? { forge: false as const } : {}),
        // The relay chooses its port itself, so its real address follows when it runs.
        relays: [{ address: wallets.relay.wallet.address, url: 'http://127.0.0.1:0' }],
      },
    )
    await saveNetworkProfile(folder.profile, profile)
    onEvent({ at: 'contracts', profile })

    const chain = await createChainReader({
      profile,
      rpcUrl: chainProcess.url,
      pollingIntervalMs: POLLING_MS,
      clock,
      signal,
    })
    const writer = ({ wallet }: DevnetWallet) => createChainWriter(chain, { account: wallet.account })
    const owner = writer(wallets.owner)
    const common = { CRYNUX_RPC_URL: chainProcess.url, CRYNUX_NETWORK: folder.profile }
    const walletEnvironment = ({ keystorePath, passwordPath }: DevnetWallet, dataFolder: string) => ({
      ...common,
      CRYNUX_KEYSTORE: keystorePath,
      CRYNUX_PASSWORD_FILE: passwordPath,
      CRYNUX_DATA_DIR: dataFolder,
    })

    const startRelay = async (): Promise<string> => {
      relayProcess = startProgram(
        'relay',
        folder.relay,
        ['relay', 'serve', '--listen', '127.0.0.1:0', '--json'],
        walletEnvironment(wallets.relay, folder.relay),
      )
      const answer = await relayProcess.waitForLog(/"url":\s*"(http:\/\/[^"]+)"/, {
        clock,
        signal,
        timeoutMs: START_TIMEOUT_MS,
      })
      const url = answer[1] ?? ''
      await setRelay(owner, { relay: wallets.relay.wallet.address, url })
      onEvent({ at: 'relay', url })
      return url
    }

    const nodes: DevnetNode[] = []
    const startNode = async (number: number): Promise<{ process: SupervisedProcess; node: DevnetNode }> => {
      const wallet = wallets.nodes[number - 1]
      if (!wallet) throw new RangeError(`there is no wallet for node ${number}`)
      const { address } = wallet.wallet
      await transferToken(owner, { to: address, amountWei: NODE_CNX })
      signal.throwIfAborted()
      const fault = options.faults.get(number) ?? null
      const own = { ...walletEnvironment(wallet, folder.node(number)) }
      const args = ['node', 'start', ...(fault ? ['--fault', fault] : [])]
      const process = startProgram(`node-${number}`, folder.node(number), args, own)
      nodeProcesses.push(process)
      const node = { number, address, folder: folder.node(number), fault, pid: process.pid, environment: own }
      nodes.push(node)
      nodes.sort((a, b) => a.number - b.number)
      await untilAvailable({ clock, signal }, { chain, process, address })
      return { process, node }
    }

    let ready = 0
    const [relayUrl] = await Promise.all([
      startRelay(),
      transferToken(owner, { to: wallets.app.wallet.address, amountWei: APP_CNX }),
      ...division.first.map(async (number) => {
        const { node } = await startNode(number)
        ready += 1
        const { address, fault } = node
        onEvent({ at: 'node', number, address, fault, ready, wanted: division.first.length })
      }),
    ])
    await chainProcess.mineEvery(BLOCK_SECONDS)
    for (const process of [chainProcess.process, relayProcess, ...nodeProcesses]) if (process) watch(process)

    const describe = () =>
      writeDescription(folder.description, {
        version: 1,
        pid: process.pid,
        rpcUrl: chainProcess.url,
        chainId: DEVNET_CHAIN_ID,
        network: folder.profile,
        contracts: profile.contracts,
        chain: { folder: folder.chain },
        relay: {
          address: wallets.relay.wallet.address,
          url: relayUrl,
          folder: folder.relay,
          pid: relayProcess?.pid ?? null,
        },
        app: { address: wallets.app.wallet.address, folder: folder.app },
        owner: {
          address: wallets.owner.wallet.address,
          environment: walletEnvironment(wallets.owner, folder.chain),
        },
        nodes,
      })
    await describe()

    if (division.spare.length > 0) {
      const faulty = nodes.filter((node) => node.fault !== null).map((node) => node.address)
      background = (async () => {
        await untilDrawn({ clock, signal }, { chain, nodes: faulty })
        await Promise.all(
          division.spare.map(async (number) => {
            const { process, node } = await startNode(number)
            watch(process)
            onEvent({ at: 'spare', number, address: node.address })
          }),
        )
        await describe()
      })().catch((error: unknown) => {
        if (signal.aborted) return
        onEvent({ at: 'lost', process: 'spare node', error: error as CrynuxError })
      })
    }

    return {
      folder,
      rpcUrl: chainProcess.url,
      profile,
      relay: { address: wallets.relay.wallet.address, url: relayUrl },
      nodes,
      app: { ...wallets.app, dataFolder: folder.app },
      environment: {
        ...walletEnvironment(wallets.app, folder.app),
        CRYNUX_RELAY_URL: relayUrl,
        CRYNUX_CHAIN_ID: String(DEVNET_CHAIN_ID),
        CRYNUX_TOKEN: profile.contracts.token,
        CRYNUX_REGISTRY: profile.contracts.registry,
        CRYNUX_CONSENSUS: profile.contracts.consensus,
        CRYNUX_INCENTIVE_POOL: profile.contracts.incentivePool,
        CRYNUX_DEVNET: folder.description,
        PATH: `${folder.programs}${delimiter}${dependencies.environment.PATH ?? ''}`,
      },
      chain,
      writer,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

type Wallets = { owner: DevnetWallet; relay: DevnetWallet; app: DevnetWallet; nodes: DevnetWallet[] }

async function createWallets(folder: DevnetFolder, nodes: number): Promise<Wallets> {
  const [owner, relay, app, ...rest] = await Promise.all([
    createDevnetWallet({ folder: folder.chain }),
    createDevnetWallet({ folder: folder.relay }),
    createDevnetWallet({ folder: folder.app }),
    ...Array.from({ length: nodes }, (_, index) => createDevnetWallet({ folder: folder.node(index + 1) })),
  ])
  return { owner, relay, app, nodes: rest }
}

/**
 * What our processes may know of our environment. The user's settings and configuration file would lead them to other networks
 * and wallets, and whatever they write must be in the devnet's folder.
 */
function childEnvironment(own: NodeJS.ProcessEnv, folder: DevnetFolder): Record<string, string> {
  const passed = ['PATH', 'LANG', 'LC_ALL', 'LD_LIBRARY_PATH', 'CRYNUX_MODEL_ROOT', 'CRYNUX_LOG_LEVEL']
  const environment: Record<string, string> = {
    HOME: folder.temporary,
    TMPDIR: folder.temporary,
    // Compiled code may be shared with every other run; it would have to be compiled again in each devnet.
    NODE_COMPILE_CACHE: own.NODE_COMPILE_CACHE ?? join(tmpdir(), 'node-compile-cache'),
    NO_COLOR: '1',
  }
  for (const name of passed) {
    const value = own[name]
    if (value !== undefined) environment[name] = value
  }
  return environment
}

async function untilAvailable(
  { clock, signal }: { clock: Clock; signal: AbortSignal },
  { chain, process, address }: { chain: ChainReader; process: SupervisedProcess; address: Address },
): Promise<void> {
  let hasEnded = false
  void process.ended.then(() => {
    hasEnded = true
  })
  const deadline = clock.now() + START_TIMEOUT_MS
  while ((await readNode(chain, { node: address })).status === 'none') {
    // Waiting for a line that never comes reports an end, or being late, in the same words as everywhere.
    if (hasEnded || clock.now() > deadline) await process.waitForLog(/(?!)/, { clock, signal, timeoutMs: 0 })
    await clock.sleep(2 * POLLING_MS, signal)
  }
}

async function untilDrawn(
  { clock, signal }: { clock: Clock; signal: AbortSignal },
  { chain, nodes }: { chain: ChainReader; nodes: readonly Address[] },
): Promise<void> {
  for (const node of nodes) {
    while ((await readAssignments(chain, { node })).length === 0) await clock.sleep(500, signal)
  }
}

async function writeDescription(path: string, description: unknown): Promise<void> {
  await writeFile(`${path}.tmp`, `${JSON.stringify(description, null, 2)}\n`, { mode: 0o600 })
  await rename(`${path}.tmp`, path)
}
