import { accessSync, constants as modes, statSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { execa } from 'execa'
import { CrynuxError, EXIT } from '../../base/errors.js'

export type RunInDevnetOptions = {
  command: readonly string[]
  /** Added to our own environment. */
  environment: Readonly<Record<string, string>>
}

/**
 * Runs a command with our terminal and files, and the environment of a devnet.
 *
 * When `signal` aborts, the command gets SIGTERM, and SIGKILL five seconds later. Resolves with its exit status as a shell
 * would report it: 128 + n after signal n.
 *
 * @throws CommandNotStartedError
 */
export async function runInDevnet(
  { signal }: { signal: AbortSignal },
  { command, environment }: RunInDevnetOptions,
): Promise<number> {
  const [file = '', ...args] = command
  const result = await execa(file, args, {
    stdio: 'inherit',
    env: environment,
    reject: false,
    cancelSignal: signal,
    forceKillAfterDelay: 5_000,
  })
  if (result.signal) return 128 + constants.signals[result.signal]
  if (result.exitCode !== undefined) return result.exitCode
  throw notStarted(file)
}

/**
 * Checks that a command can be started before a whole network is started for it.
 *
 * @param path folders to search, as in `PATH`; `crynux` itself is always there.
 * @throws CommandNotStartedError
 */
export function requireProgram([file = '']: readonly string[], { path }: { path: string }): void {
  if (file === 'crynux') return
  const candidates = file.includes('/')
    ? [resolve(file)]
    : path.split(delimiter).flatMap((folder) => (folder ? [join(folder, file)] : []))
  if (process.platform !== 'win32' && !candidates.some(isProgram)) throw notStarted(file)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, modes.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

const notStarted = (file: string) =>
  new CommandNotStartedError(`the command '${file}' cannot be started`, {
    remedy: 'Check its name and that it is executable; shell syntax needs `-- sh -c "…"`.',
  })

/** The command to run in a devnet does not exist or may not be executed. */
export class CommandNotStartedError extends CrynuxError {
  override readonly code = 'CRYNUX_COMMAND_NOT_STARTED'
  override readonly exitCode = EXIT.usage
}
