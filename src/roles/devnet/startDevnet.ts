import type { Clock } from '../../base/clock.js'
import type { CrynuxError } from '../../base/errors.js'
import type { Address } from '../../base/hex.js'
import { parseCnx } from '../../base/units.js'
import { type ChainReader, type ChainWriter, createChainReader, createChainWriter } from '../../chain/client.js'
import { deployContracts } from '../../chain/deploy.js'
import { setRelay } from '../../chain/write/setRelay.js'
import { transferToken } from '../../chain/write/transferToken.js'
import type { NetworkProfile } from '../../protocol/networkProfile.js'
import { saveNetworkProfile } from '../../store/networkProfile.js'
import { type DevnetNode, describeDevnet } from './describeDevnet.js'
import { commandEnvironment, processEnvironment, walletEnvironment } from './devnetEnvironment.js'
import { createDevnetFolder, type DevnetFolder } from './devnetFolder.js'
import { createDevnetWallet, type DevnetWallet } from './devnetWallets.js'
import { findAnvil } from './findAnvil.js'
import { divideNodes, type NodeFault, type NodeFaults } from './nodeFaults.js'
import { createProcessTree, type ProcessTree } from './processTree.js'
import { type Anvil, startAnvil } from './startAnvil.js'
import type { SupervisedProcess } from './supervisedProcess.js'
import { untilDrawn, untilJoined } from './waitForNode.js'

/** Short times, so that a silent node is noticed while somebody watches. Unbonding covers the longest challenge. */
const PARAMETERS = {
  minimumExecutionTimeoutSeconds: 5,
  revealWindowSeconds: 30,
  uploadWindowSeconds: 30,
  unbondingSeconds: 90,
}
const ETHER_FOR_GAS_WEI = 10n ** 21n
const NODE_WEI = parseCnx('1000')
const APP_WEI = parseCnx('100000')
const BLOCK_SECONDS = 1
const POLLING_MS = 50
const START_TIMEOUT_MS = 60_000

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
  const { first, spare } = divideNodes(options)
  const anvilFile = findAnvil(dependencies.environment)
  const folder = await createDevnetFolder({ keep: options.keep })
  const environment = processEnvironment(dependencies.environment, folder)
  const tree = createProcessTree({ clock, environment })
  const closing = new AbortController()
  const signal = AbortSignal.any([dependencies.signal, closing.signal])
  let spareNodes: Promise<void> = Promise.resolve()
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => {
    closed ??= (async () => {
      closing.abort(new DOMException('the devnet is closed', 'AbortError'))
      await spareNodes
      await tree.stop()
      await folder.remove()
    })()
    return closed
  }

  try {
    const [anvil, wallets] = await Promise.all([
      startChain({ clock, signal, tree, onEvent }, { file: anvilFile, folder, environment }),
      createWallets(folder, options.nodes),
    ])
    await giveEther(anvil, [wallets.owner, wallets.app, ...wallets.nodes])
    const profile = await deploy({ ...dependencies, signal }, { anvil, wallets, bytecode: options.bytecode === true })
    await saveNetworkProfile(folder.profile, profile)
    onEvent({ at: 'contracts', profile })

    const chain = await createChainReader({
      profile,
      rpcUrl: anvil.url,
      pollingIntervalMs: POLLING_MS,
      clock,
      signal,
    })
    const writer = ({ wallet }: DevnetWallet) => createChainWriter(chain, { account: wallet.account })
    const network: Network = { clock, signal, tree, folder, rpcUrl: anvil.url, chain, owner: writer(wallets.owner) }
    const nodes: DevnetNode[] = []
    const start = async (number: number): Promise<DevnetNode> => {
      const fault = options.faults.get(number) ?? null
      const node = await startNode(network, { number, fault, wallet: walletOfNode(wallets, number) })
      nodes.push(node)
      nodes.sort((a, b) => a.number - b.number)
      return node
    }

    const [relay] = await Promise.all([
      startRelay(network, { wallet: wallets.relay, onEvent }),
      transferToken(network.owner, { to: wallets.app.wallet.address, amountWei: APP_WEI }),
      ...first.map(async (number) => {
        const { address, fault } = await start(number)
        onEvent({ at: 'node', number, address, fault, ready: nodes.length, wanted: first.length })
      }),
    ])
    await anvil.mineEvery(BLOCK_SECONDS)
    tree.watch((name, error) => onEvent({ at: 'lost', process: name, error }))

    const describe = () =>
      describeDevnet(folder.description, {
        version: 1,
        pid: process.pid,
        rpcUrl: anvil.url,
        chainId: profile.chainId,
        network: folder.profile,
        contracts: profile.contracts,
        chain: { folder: folder.chain },
        relay: { address: relay.address, url: relay.url, folder: folder.relay, pid: relay.process.pid },
        app: { address: wallets.app.wallet.address, folder: folder.app },
        owner: {
          address: wallets.owner.wallet.address,
          environment: environmentOf(network, wallets.owner, folder.chain),
        },
        nodes,
      })
    await describe()
    if (spare.length > 0) {
      const faulty = nodes.filter(({ fault }) => fault !== null).map(({ address }) => address)
      spareNodes = untilDrawn(network, faulty)
        .then(() =>
          Promise.all(
            spare.map(async (number) => {
              const { address } = await start(number)
              onEvent({ at: 'spare', number, address })
            }),
          ),
        )
        .then(describe)
        .catch((error: unknown) => {
          if (!signal.aborted) onEvent({ at: 'lost', process: 'a spare node', error: error as CrynuxError })
        })
    }

    return {
      folder,
      rpcUrl: anvil.url,
      profile,
      relay: { address: relay.address, url: relay.url },
      nodes,
      app: { ...wallets.app, dataFolder: folder.app },
      environment: {
        ...environmentOf(network, wallets.app, folder.app),
        ...commandEnvironment({ path: dependencies.environment.PATH, folder, profile, relayUrl: relay.url }),
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

/** What is needed to add a process to a network whose contracts are there. */
type Network = {
  clock: Clock
  signal: AbortSignal
  tree: ProcessTree
  folder: DevnetFolder
  rpcUrl: string
  chain: ChainReader
  owner: ChainWriter
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

function walletOfNode({ nodes }: Wallets, number: number): DevnetWallet {
  const wallet = nodes[number - 1]
  if (!wallet) throw new RangeError(`there is no wallet for node ${number}`)
  return wallet
}

const environmentOf = ({ rpcUrl, folder }: Network, wallet: DevnetWallet, dataFolder: string) =>
  walletEnvironment({ rpcUrl, folder, wallet, dataFolder })

async function startChain(
  { clock, signal, tree, onEvent }: Pick<Network, 'clock' | 'signal' | 'tree'> & Pick<DevnetDependencies, 'onEvent'>,
  { file, folder, environment }: { file: string; folder: DevnetFolder; environment: Record<string, string> },
): Promise<Anvil> {
  const removal = folder.kept ? {} : { removeFolder: folder.path }
  const anvil = await startAnvil({ clock, signal }, { file, folder: folder.chain, environment, ...removal })
  tree.adopt(anvil.process)
  onEvent({ at: 'chain', url: anvil.url })
  return anvil
}

const giveEther = (anvil: Anvil, wallets: readonly DevnetWallet[]) =>
  Promise.all(
    wallets.map(({ wallet }) =>
      anvil.request('anvil_setBalance', [wallet.address, `0x${ETHER_FOR_GAS_WEI.toString(16)}`]),
    ),
  )

const deploy = (
  { clock, signal, environment, onEvent }: DevnetDependencies,
  { anvil, wallets, bytecode }: { anvil: Anvil; wallets: Wallets; bytecode: boolean },
): Promise<NetworkProfile> =>
  deployContracts(
    {
      rpcUrl: anvil.url,
      account: wallets.owner.wallet.account,
      clock,
      signal,
      pollingIntervalMs: POLLING_MS,
      environment,
      onNote: (text) => onEvent({ at: 'note', text }),
    },
    {
      name: 'devnet',
      parameters: PARAMETERS,
      ...(bytecode ? { forge: false as const } : {}),
      // The relay chooses its port itself, so its real address follows when it runs.
      relays: [{ address: wallets.relay.wallet.address, url: 'http://127.0.0.1:0' }],
    },
  )

async function startRelay(
  network: Network,
  { wallet, onEvent }: { wallet: DevnetWallet; onEvent: DevnetDependencies['onEvent'] },
): Promise<{ address: Address; url: string; process: SupervisedProcess }> {
  const { clock, signal, tree, folder, owner } = network
  const relay = tree.startProgram({
    name: 'relay',
    folder: folder.relay,
    args: ['relay', 'serve', '--listen', '127.0.0.1:0', '--json'],
    environment: environmentOf(network, wallet, folder.relay),
  })
  const answer = await relay.waitForLog(/"url":\s*"(http:\/\/[^"]+)"/, { clock, signal, timeoutMs: START_TIMEOUT_MS })
  const url = answer[1] ?? ''
  const { address } = wallet.wallet
  await setRelay(owner, { relay: address, url })
  onEvent({ at: 'relay', url })
  return { address, url, process: relay }
}

async function startNode(
  network: Network,
  { number, fault, wallet }: { number: number; fault: NodeFault | null; wallet: DevnetWallet },
): Promise<DevnetNode> {
  const { signal, tree, owner } = network
  const { address } = wallet.wallet
  const folder = network.folder.node(number)
  await transferToken(owner, { to: address, amountWei: NODE_WEI })
  signal.throwIfAborted()
  const environment = environmentOf(network, wallet, folder)
  const args = ['node', 'start', ...(fault ? ['--fault', fault] : [])]
  const node = tree.startProgram({ name: `node-${number}`, folder, args, environment })
  await untilJoined(network, { process: node, address, timeoutMs: START_TIMEOUT_MS })
  return { number, address, folder, fault, pid: node.pid, environment }
}
