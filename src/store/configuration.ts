import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { CrynuxError, EXIT, InvalidInputError } from '../base/errors.js'

/** One value that flag, environment, configuration file or default can give. */
export type SettingDefinition = {
  /** The long flag, e.g. `--rpc-url`. */
  flag: string
  /** The environment variable. */
  env: `CRYNUX_${string}`
  /** The placeholder in help texts. */
  placeholder: string
  description: string
  /** Computed late, because it may depend on the environment. */
  defaultValue?: () => string
}

/** Every global setting. The command line, `config`, the man pages and the completions are made from this table. */
export const SETTINGS = {
  network: {
    flag: '--network',
    env: 'CRYNUX_NETWORK',
    placeholder: 'file',
    description: 'network profile: where the contracts are',
  },
  rpcUrl: {
    flag: '--rpc-url',
    env: 'CRYNUX_RPC_URL',
    placeholder: 'url',
    description: "chain RPC endpoint, or several separated by commas (default: the profile's)",
  },
  relayUrl: {
    flag: '--relay-url',
    env: 'CRYNUX_RELAY_URL',
    placeholder: 'url',
    description: 'relay to use instead of the address on chain',
  },
  keystore: {
    flag: '--keystore',
    env: 'CRYNUX_KEYSTORE',
    placeholder: 'file',
    description: "the wallet's encrypted keystore (default: keystore.json in the data folder)",
  },
  passwordFile: {
    flag: '--password-file',
    env: 'CRYNUX_PASSWORD_FILE',
    placeholder: 'file',
    description: "file that holds the keystore's password; also a file descriptor such as /dev/fd/3",
  },
  dataDir: {
    flag: '--data-dir',
    env: 'CRYNUX_DATA_DIR',
    placeholder: 'folder',
    description: 'folder for journals, bundles and caches',
    defaultValue: () => join(dataHome(), 'crynux'),
  },
  modelRoot: {
    flag: '--model-root',
    env: 'CRYNUX_MODEL_ROOT',
    placeholder: 'folder',
    description: 'folder with models, searched before the embedded ones',
  },
  modelCache: {
    flag: '--model-cache',
    env: 'CRYNUX_MODEL_CACHE',
    placeholder: 'folder',
    description: 'cache of fetched models (default: HF_HUB_CACHE, HF_HOME/hub, or models/ in the data folder)',
  },
  modelQuota: {
    flag: '--model-quota',
    env: 'CRYNUX_MODEL_QUOTA',
    placeholder: 'size',
    description: 'what fetched models may take, e.g. 200GB; the least recently used give way. `none`: no limit',
    defaultValue: () => '200GB',
  },
  logLevel: {
    flag: '--log-level',
    env: 'CRYNUX_LOG_LEVEL',
    placeholder: 'level',
    description: 'silent, error, warn, info or debug',
    defaultValue: () => 'warn',
  },
} as const satisfies Record<string, SettingDefinition>

export type SettingName = keyof typeof SETTINGS

/** Where a value comes from; in this order of precedence. */
export type SettingOrigin = 'flag' | 'environment' | 'configuration' | 'default'

export type ResolvedSetting = { value: string; origin: SettingOrigin } | { value: undefined; origin: 'default' }

export type SettingSources = {
  flag?: string | undefined
  /** Default: the process's own. */
  environment?: Readonly<Record<string, string | undefined>>
  /** Default: the user's configuration file, read only when it decides. */
  configuration?: Configuration
}

/** What the configuration file says. */
export type Configuration = Partial<Record<SettingName, string>>

/**
 * The value that counts for one setting: flag > environment > configuration > default. Empty variables count as not set.
 *
 * @throws UnreadableConfigurationError (exit 3) when the configuration file decides and cannot be read.
 */
export function resolveSetting(name: SettingName, sources: SettingSources = {}): ResolvedSetting {
  const definition: SettingDefinition = SETTINGS[name]
  if (sources.flag !== undefined) return { value: sources.flag, origin: 'flag' }
  const fromEnvironment = (sources.environment ?? process.env)[definition.env]
  if (fromEnvironment) return { value: fromEnvironment, origin: 'environment' }
  const configured = (sources.configuration ?? readConfiguration())[name]
  if (configured !== undefined) return { value: configured, origin: 'configuration' }
  return { value: definition.defaultValue?.(), origin: 'default' }
}

export type ConfigurationOptions = {
  /** Folder of config.json; by default the platform's own (XDG on Linux). */
  folder?: string
}

/**
 * Reads the user's configuration file; a missing file is an empty configuration.
 *
 * @throws UnreadableConfigurationError (exit 3) when it is not JSON, or names a setting that does not exist.
 */
export function readConfiguration({ folder = configurationFolder() }: ConfigurationOptions = {}): Configuration {
  const path = join(folder, FILE_NAME)
  const found: Configuration = {}
  for (const [name, value] of Object.entries(parseFile(path))) {
    if (!isSettingName(name) || typeof value !== 'string') {
      throw new UnreadableConfigurationError(`'${name}' in the configuration file is not a setting with a text value`, {
        remedy: `Remove it from ${path}; \`crynux config list\` shows the settings.`,
      })
    }
    found[name] = value
  }
  return found
}

/** Writes one setting to the user's configuration file, or removes it (`undefined`). Returns the file's path. */
export async function writeSetting(
  name: SettingName,
  value: string | undefined,
  { folder = configurationFolder() }: ConfigurationOptions = {},
): Promise<{ path: string }> {
  // conf, which replaces the file in one step, takes 100 ms to load: more than a whole command that only reads.
  const { default: Conf } = await import('conf')
  readConfiguration({ folder })
  const configuration = new Conf<Record<string, unknown>>({
    projectName: 'crynux',
    cwd: folder,
    accessPropertiesByDotNotation: false,
    configFileMode: 0o600,
  })
  if (value === undefined) configuration.delete(name)
  else configuration.set(name, value)
  return { path: configuration.path }
}

/**
 * The setting of that name, as written in `crynux config set <name>`.
 *
 * @throws InvalidInputError (exit 2) naming the nearest settings.
 */
export function parseSettingName(name: string): SettingName {
  if (isSettingName(name)) return name
  throw new InvalidInputError(`there is no setting '${name}'`, {
    remedy: `The settings are ${Object.keys(SETTINGS).join(', ')}.`,
  })
}

const isSettingName = (name: string): name is SettingName => Object.hasOwn(SETTINGS, name)

function parseFile(path: string): Record<string, unknown> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw new UnreadableConfigurationError(`the configuration file '${path}' cannot be read`, {
      remedy: 'Check its permissions.',
      cause,
    })
  }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {
    // Said below, as for any other JSON value.
  }
  throw new UnreadableConfigurationError(`the configuration file '${path}' is not a JSON object`, {
    remedy: 'Correct or remove it.',
  })
}

const FILE_NAME = 'config.json'

/** Where this kind of system keeps the configuration of programs. */
function configurationFolder(): string {
  if (process.platform === 'darwin') return join(homedir(), 'Library/Preferences/crynux')
  if (process.platform === 'win32') return join(process.env.APPDATA ?? homedir(), 'crynux')
  return join(process.env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'crynux')
}

const dataHome = (): string => process.env.XDG_DATA_HOME || join(homedir(), '.local/share')

/** A configuration file that cannot be used: exit status 3. */
export class UnreadableConfigurationError extends CrynuxError {
  override readonly code = 'CRYNUX_UNREADABLE_CONFIGURATION'
  override readonly exitCode = EXIT.configuration
}
