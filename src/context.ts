import { join, resolve as resolvePath } from 'node:path'
import type { Clock } from './base/clock.js'
import { systemClock } from './base/clock.js'
import { CrynuxError, EXIT, InvalidInputError } from './base/errors.js'
import { createLogger, type Logger, type LogLevel } from './base/logger.js'
import { currentStopSignal } from './base/stopSignal.js'
import type { ChainReader, ChainWriter } from './chain/client.js'
import type { NetworkProfile } from './protocol/networkProfile.js'
import type { Wallet } from './protocol/wallet.js'
import type { ResolvedSetting, SettingName } from './store/configuration.js'
import { createOutput, type Output } from './ui/output.js'

/** What one run of a command works with. Everything expensive is made at its first use, once. */
export type Context = {
  clock: Clock
  logger: Logger
  /** Aborts at the first SIGINT or SIGTERM. */
  signal: AbortSignal
  output: Output
  /** The value of a setting: flag > environment > configuration file > default. */
  setting(name: SettingName): string | undefined
  /** Where journals and working files of this wallet's roles are kept. */
  dataFolder: string
  /** What can be made again, e.g. merged models; shared by all roles that use this data folder. */
  cacheFolder: string
  /** Folders that are searched first for model folders. */
  modelRoots: string[]
  /** Where fetched models are; it may not exist. */
  modelCacheFolder(): Promise<string>
  /** Bytes that fetched models may take; undefined: no limit. */
  modelQuotaBytes(): Promise<number | undefined>
  profile(): Promise<NetworkProfile>
  chain(): Promise<ChainReader>
  wallet(): Promise<Wallet>
  writer(): Promise<ChainWriter>
}

export type ContextOptions = {
  /** Servers log more than commands that print a result. */
  defaultLogLevel?: LogLevel
  /** True for roles that still send transactions after the first SIGTERM, to leave cleanly. */
  finishesWork?: boolean
}

/** anvil's and hardhat's chain id: blocks come quickly there. */
const LOCAL_CHAIN_ID = 31337

type WithGlobals = { optsWithGlobals(): Record<string, unknown> }

/** Builds the context of a command from its options, runs it, and closes what was opened in reverse order. */
export async function withContext<T>(
  command: WithGlobals,
  run: (context: Context) => Promise<T>,
  { defaultLogLevel = 'warn', finishesWork = false }: ContextOptions = {},
): Promise<T> {
  const options = command.optsWithGlobals()
  const { readConfiguration, resolveSetting } = await import('./store/configuration.js')
  const configuration = await readConfiguration()
  const resolve = (name: SettingName) => {
    const flag = options[name]
    return resolveSetting(name, {
      flag: typeof flag === 'string' ? flag : undefined,
      environment: process.env,
      configuration,
    })
  }
  const setting = (name: SettingName): string | undefined => resolve(name).value
  const json = options.json === true
  const signal = currentStopSignal()
  const logger = createLogger({
    level: resolve('logLevel').origin === 'default' ? defaultLogLevel : parseLogLevel(resolve('logLevel')),
    pretty: process.stderr.isTTY === true,
  })
  const dataFolder = resolvePath(setting('dataDir') ?? '.')
  const profile = once(async () => {
    const path = setting('network')
    if (!path) {
      throw new MissingSettingError('no network is named', {
        remedy: 'Give --network <file> (env CRYNUX_NETWORK): the profile that `crynux contracts deploy` wrote.',
      })
    }
    const { loadNetworkProfile } = await import('./store/networkProfile.js')
    return loadNetworkProfile(path)
  })
  const chain = once(async () => {
    const { createChainReader } = await import('./chain/client.js')
    const known = await profile()
    const rpcUrl = setting('rpcUrl') ?? known.rpcUrl
    if (!rpcUrl) {
      throw new MissingSettingError('no RPC address is known', {
        remedy: 'Give --rpc-url <url> (env CRYNUX_RPC_URL), or a network profile that names one.',
      })
    }
    return createChainReader({
      profile: known,
      rpcUrl,
      pollingIntervalMs: known.chainId === LOCAL_CHAIN_ID ? 100 : 1_000,
      ...(finishesWork ? {} : { signal }),
    })
  })
  const wallet = once(async () => {
    const path = setting('keystore') ?? join(dataFolder, 'keystore.json')
    const { openKeystore, readKeystoreAddress } = await import('./store/keystore.js')
    // Nobody should be asked for the password of a file that is not there.
    await readKeystoreAddress(path)
    return openKeystore({ path, password: await readPassword(setting('passwordFile')) })
  })
  const writer = once(async () => {
    const { createChainWriter } = await import('./chain/client.js')
    return createChainWriter(await chain(), { account: (await wallet()).account })
  })
  return run({
    clock: systemClock,
    logger,
    signal,
    output: createOutput({ json, stdout: process.stdout, stderr: process.stderr }),
    setting,
    dataFolder,
    cacheFolder: join(dataFolder, 'cache'),
    modelRoots: [setting('modelRoot')].filter((root) => root !== undefined),
    modelCacheFolder: async () => {
      const { hubCacheFolder } = await import('./models/hub/hubSettings.js')
      return resolvePath(setting('modelCache') ?? hubCacheFolder(process.env) ?? join(dataFolder, 'models'))
    },
    modelQuotaBytes: async () => {
      const quota = setting('modelQuota')
      if (quota === undefined || quota === 'none') return undefined
      const { parseByteSize } = await import('./base/byteSize.js')
      return parseByteSize(quota)
    },
    profile,
    chain,
    wallet,
    writer,
  })
}

/** The password of a keystore, from a file or typed at the terminal; never from the command line. */
export async function readPassword(passwordFile: string | undefined): Promise<string> {
  if (passwordFile) {
    const { readFile } = await import('node:fs/promises')
    try {
      return (await readFile(passwordFile, 'utf8')).replace(/\r?\n$/, '')
    } catch (cause) {
      throw new MissingSettingError(`the password file '${passwordFile}' cannot be read`, {
        remedy: 'Check --password-file (env CRYNUX_PASSWORD_FILE) and its permissions.',
        cause,
      })
    }
  }
  if (!process.stdin.isTTY) {
    throw new MissingSettingError("the keystore's password is not known", {
      remedy: 'Give --password-file <file> (env CRYNUX_PASSWORD_FILE), or run in a terminal to be asked.',
    })
  }
  return askHidden('Password: ')
}

/** Asks one line at the terminal without showing it. */
async function askHidden(question: string): Promise<string> {
  const { createInterface } = await import('node:readline/promises')
  const { Writable } = await import('node:stream')
  process.stderr.write(question)
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true })
  // The terminal is in raw mode and sends no signal at Ctrl-C.
  lines.once('SIGINT', () => process.kill(process.pid, 'SIGINT'))
  try {
    return await lines.question('', { signal: currentStopSignal() })
  } finally {
    lines.close()
    process.stderr.write('\n')
  }
}

/** Asks a question at the terminal; anything but `y` or `yes` is a no. */
export async function askYes(question: string): Promise<boolean> {
  const { createInterface } = await import('node:readline/promises')
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  // Ctrl-C reaches readline, not the process, while it reads.
  lines.once('SIGINT', () => process.kill(process.pid, 'SIGINT'))
  try {
    return /^y(es)?$/i.test((await lines.question(question, { signal: currentStopSignal() })).trim())
  } finally {
    lines.close()
  }
}

function parseLogLevel({ value = '', origin }: ResolvedSetting): LogLevel {
  if (['silent', 'error', 'warn', 'info', 'debug'].includes(value)) return value as LogLevel
  const WrongLevelError = origin === 'flag' ? InvalidInputError : MissingSettingError
  throw new WrongLevelError(`'${value}' is no log level`, { remedy: 'Use silent, error, warn, info or debug.' })
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}

/** Something that the command needs is neither given nor configured: exit status 3. */
export class MissingSettingError extends CrynuxError {
  override readonly code = 'CRYNUX_CONFIGURATION'
  override readonly exitCode = EXIT.configuration
}
