import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { NetworkProfile } from '../../protocol/networkProfile.js'
import type { DevnetFolder } from './devnetFolder.js'
import type { DevnetWallet } from './devnetWallets.js'

/**
 * What our processes may know of our environment. The user's settings and configuration file would lead them to other networks
 * and wallets, and whatever they write must be in the devnet's folder.
 */
export function processEnvironment(own: NodeJS.ProcessEnv, folder: DevnetFolder): Record<string, string> {
  const passed = [
    'PATH',
    'LANG',
    'LC_ALL',
    'LD_LIBRARY_PATH',
    'CRYNUX_MODEL_ROOT',
    'CRYNUX_MODEL_CACHE',
    'CRYNUX_LOG_LEVEL',
  ]
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

/** The settings with which a program uses a wallet in this network. */
export const walletEnvironment = ({
  rpcUrl,
  folder,
  wallet,
  dataFolder,
}: {
  rpcUrl: string
  folder: DevnetFolder
  wallet: DevnetWallet
  dataFolder: string
}): Record<string, string> => ({
  CRYNUX_RPC_URL: rpcUrl,
  CRYNUX_NETWORK: folder.profile,
  CRYNUX_KEYSTORE: wallet.keystorePath,
  CRYNUX_PASSWORD_FILE: wallet.passwordPath,
  CRYNUX_DATA_DIR: dataFolder,
})

/** What a command gets that runs in the devnet, beyond the application's wallet. */
export const commandEnvironment = ({
  path = '',
  folder,
  profile,
  relayUrl,
}: {
  /** The PATH to which the program's own folder is added in front. */
  path: string | undefined
  folder: DevnetFolder
  profile: NetworkProfile
  relayUrl: string
}): Record<string, string> => ({
  CRYNUX_RELAY_URL: relayUrl,
  CRYNUX_CHAIN_ID: String(profile.chainId),
  CRYNUX_TOKEN: profile.contracts.token,
  CRYNUX_REGISTRY: profile.contracts.registry,
  CRYNUX_CONSENSUS: profile.contracts.consensus,
  CRYNUX_INCENTIVE_POOL: profile.contracts.incentivePool,
  CRYNUX_DEVNET: folder.description,
  PATH: `${folder.programs}${delimiter}${path}`,
})
