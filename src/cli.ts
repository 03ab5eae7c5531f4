import { Command, CommanderError } from 'commander'
import { InvalidInputError } from './base/errors.js'
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

const isAbort = (error: unknown, signal: AbortSignal): boolean =>
  error === signal.reason || (error instanceof Error && (error.name === 'AbortError' || error.cause === signal.reason))

// A reader that went away (`crynux … | head`) is no error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  process.stderr.write(`error: the output cannot be written: ${error.code ?? error.message}\n`)
  process.exit(1)
})

const status = await main(process.argv.slice(2))
// An error of the last write (a full disk) is reported a turn later.
await new Promise((resolve) => setImmediate(resolve))
// Sockets of kept-alive connections may still be open; what matters has been awaited.
process.exit(status)
