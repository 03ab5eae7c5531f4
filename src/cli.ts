import { Command, CommanderError } from 'commander'
import { CrynuxError, EXIT, InvalidInputError } from './base/errors.js'
import { stopSignal } from './base/stopSignal.js'
import { registerCommands } from './commands/program.js'
import { exitCodeOf, formatError } from './ui/output.js'

/** Runs the command line. The only place that installs signal handlers, writes errors and ends the process. */
async function main(argv: readonly string[]): Promise<number> {
  const json = argv.slice(0, argv.includes('--') ? argv.indexOf('--') : undefined).includes('--json')
  const stop = stopSignal({ onSecond: (status) => process.exit(status) })
  const program = registerCommands(new Command('crynux'))
  throwInsteadOfExit(program)
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return typeof process.exitCode === 'number' ? process.exitCode : 0
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0
      process.stderr.write(formatError(usageError(error), { json }))
      return 2
    }
    if (stop.signal.aborted && isAbort(error, stop.signal)) return stop.exitStatus()
    process.stderr.write(formatError(error, { json }))
    return exitCodeOf(error)
  }
}

/** commander would end the process by itself, in every subcommand. */
function throwInsteadOfExit(command: Command): void {
  command.exitOverride()
  command.configureOutput({ outputError: () => {} })
  for (const child of command.commands) throwInsteadOfExit(child)
}

function usageError(error: CommanderError): InvalidInputError {
  const message =
    error.code === 'commander.help' ? 'a command is missing' : error.message.replace(/^error: /, '').replace(/\n/g, ' ')
  return new InvalidInputError(message, { remedy: 'See `crynux --help` or `crynux <command> --help`.' })
}

/** The result was not written where stdout leads, for instance because the disk is full: exit status 1. */
class OutputLostError extends CrynuxError {
  override readonly code = 'CRYNUX_OUTPUT_LOST'
  override readonly exitCode = EXIT.internal
  constructor(cause: NodeJS.ErrnoException) {
    super(`standard output cannot be written (${cause.code ?? 'unknown error'})`, {
      remedy: 'Check the disk that it goes to, and run the command again.',
      cause,
    })
  }
}

const isAbort = (error: unknown, signal: AbortSignal): boolean =>
  error === signal.reason || (error instanceof Error && (error.name === 'AbortError' || error.cause === signal.reason))

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that went away (`crynux … | head`) is no error of ours.
  if (error.code === 'EPIPE') process.exit(0)
  const json = process.argv.includes('--json')
  process.stderr.write(formatError(new OutputLostError(error), { json }), () => process.exit(EXIT.internal))
})
// Nobody reads the remarks any more, or their disk is full. The work is worth more than they are: a paid task must not end here.
process.stderr.on('error', () => {})

const status = await main(process.argv.slice(2))
// What could not be written is known a moment later.
await new Promise((done) => process.stdout.write('', done))
// Sockets of kept-alive connections may still be open; what matters has been awaited.
process.exit(status)
