import { constants } from 'node:os'
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
  throw new CommandNotStartedError(`the command '${file}' cannot be started${result.code ? ` (${result.code})` : ''}`, {
    remedy: 'Check its name and that it is executable; shell syntax needs `-- sh -c "…"`.',
  })
}

/** The command to run in a devnet does not exist or may not be executed. */
export class CommandNotStartedError extends CrynuxError {
  override readonly code = 'CRYNUX_COMMAND_NOT_STARTED'
  override readonly exitCode = EXIT.usage
}
