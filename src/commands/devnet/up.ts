import { Command } from 'commander'
import { withContext } from '../../context.js'
import { addDevnetOptions, DEVNET_HELP, type DevnetFlags, devnetOptionsOf, formatDevnetEvent } from './devnetOptions.js'

/** `crynux devnet up` */
export const devnetUpCommand = () =>
  addDevnetOptions(new Command('up'))
    .description('Start a whole network on this machine: chain, contracts, relay and nodes, until Ctrl-C')
    .addHelpText(
      'after',
      `${DEVNET_HELP}

Prints what another terminal needs, as lines for a shell, when the network is ready.

Examples:
  $ crynux devnet up --nodes 5 --keep ./devnet
  $ crynux devnet up > devnet.env &      # later: . ./devnet.env; crynux task submit --prompt "a red circle"`,
    )
    .action(async (flags: DevnetFlags, command: Command) => {
      const { startDevnet } = await import('../../roles/devnet/startDevnet.js')
      await withContext(command, async ({ clock, signal, output }) => {
        const devnet = await startDevnet(
          { clock, signal, environment: process.env, onEvent: (event) => output.note(formatDevnetEvent(event)) },
          devnetOptionsOf(flags),
        )
        try {
          const { environment, nodes, relay, rpcUrl, folder } = devnet
          output.result(
            'crynux.devnet-up/v1',
            { folder: folder.path, rpcUrl, relay, nodes: nodes.map(withoutEnvironment), environment },
            (data) => formatExports(data.environment),
          )
          output.note('the network is up; Ctrl-C ends it')
          await clock.sleep(NEVER_MS, signal).catch(() => undefined)
          while (!signal.aborted) await clock.sleep(NEVER_MS, signal).catch(() => undefined)
        } finally {
          output.note('stopping')
          await devnet.close()
        }
      })
    })

/** The longest time that a timer can wait. */
const NEVER_MS = 2_147_483_647

const withoutEnvironment = ({ environment: _, ...node }: { environment: Record<string, string>; address: string }) =>
  node

/** Lines that a POSIX shell can read. */
const formatExports = (environment: Readonly<Record<string, string>>): string =>
  Object.entries(environment)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'`)
    .join('\n')
