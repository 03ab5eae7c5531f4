import type { Clock } from '../../base/clock.js'
import type { Logger } from '../../base/logger.js'
import type { ChainReader } from '../../chain/client.js'
import { readChainTime } from '../../chain/read/chainTime.js'
import { readNetwork } from '../../chain/read/network.js'
import { readNodes } from '../../chain/read/nodes.js'
import { readRelays } from '../../chain/read/relays.js'
import { readTask } from '../../chain/read/task.js'
import { watchBlocks } from '../../chain/watch.js'
import type { Wallet } from '../../protocol/wallet.js'
import type { ChainFacts } from './chainFacts.js'
import type { VerifyResultFiles } from './dispute.js'
import type { RelayLimits } from './limits.js'
import { sameAddress } from './rights.js'
import { type RunningRelay, serveRelay } from './serveRelay.js'

export type StartRelayOptions = {
  chain: ChainReader
  /** Signs the receipts; the network's owner must have listed its address. */
  wallet: Pick<Wallet, 'address' | 'account'>
  /** Holds `relay.sqlite` and `blobs/` unless those are named. */
  dataFolder: string
  databasePath?: string
  blobsFolder?: string
  listen: { host: string; port: number }
  publicUrl?: string
  metricsPort?: number
  limits?: Partial<RelayLimits>
  clock: Clock
  logger: Logger
  signal: AbortSignal
}

/**
 * Runs the relay of a network: serveRelay on the real chain and with the real p-hash.
 * Warns when the chain does not list the wallet as a relay: nodes could not use its receipts.
 */
export async function startRelay(options: StartRelayOptions): Promise<RunningRelay> {
  const { chain, wallet, logger } = options
  const relays = await readRelays(chain)
  if (!relays.some(({ address }) => sameAddress(address, wallet.address))) {
    logger.warn({ relay: wallet.address }, 'the chain does not list this wallet as a relay; no task will name it')
  }
  return serveRelay({ ...options, chain: chainFactsOf(chain), verifyResultFiles })
}

/** What the relay reads of a real chain. */
export const chainFactsOf = (chain: ChainReader): ChainFacts => ({
  chainId: chain.profile.chainId,
  consensus: chain.profile.contracts.consensus,
  readTask: (taskId) => readTask(chain, { taskId }),
  readChainTime: () => readChainTime(chain),
  watchBlocks: ({ signal, onBlock }) => watchBlocks(chain, { signal, onBlock: () => onBlock() }),
  readNetworkStatistics: () => readNetwork(chain),
  readNodesStatistics: () => readNodes(chain),
})

/** Image decoding is native code: loaded with the first dispute, which most relays never see. */
const verifyResultFiles: VerifyResultFiles = async (result) =>
  (await import('../../core/task/verifyResult.js')).verifyResultFiles(result)
