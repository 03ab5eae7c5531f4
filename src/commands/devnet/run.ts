import { Command } from 'commander'
import { withContext } from '../../context.js'
import { addDevnetOptions, DEVNET_HELP, type DevnetFlags, devnetOptionsOf, formatDevnetEvent } from './devnetOptions.js'

/** `crynux devnet run` */
export const devnetRunCommand = () =>
  addDevnetOptions(new Command('run'))
    .description('Run a command inside a network of its own, then end the network; exits as the command did')
    .argument('<command...>', 'the command and its arguments, after --')
    .addHelpText(
      'after',
      `${DEVNET_HELP}

The command's environment: CRYNUX_RPC_URL, CRYNUX_CHAIN_ID, CRYNUX_NETWORK (profile file), CRYNUX_RELAY_URL, CRYNUX_KEYSTORE
and CRYNUX_PASSWORD_FILE (the application's wallet, with CNX), CRYNUX_DATA_DIR, CRYNUX_TOKEN, CRYNUX_REGISTRY,
CRYNUX_CONSENSUS, CRYNUX_INCENTIVE_POOL, CRYNUX_DEVNET (devnet.json); \`crynux\` in the PATH is this very program.

Examples:
  $ crynux devnet run -- crynux task submit --prompt "a big red circle on a blue background" --out picture.png
  $ crynux devnet run --nodes 4 --fault 3=wrong-result -- sh -c 'crynux task submit --prompt "a star" && crynux stats nodes'`,
    )
    .action(async (words: string[], flags: DevnetFlags, command: Command) => {
      const [{ startDevnet }, { requireProgram, runInDevnet }] = await Promise.all([
        import('../../roles/devnet/startDevnet.js'),
        import('../../roles/devnet/runInDevnet.js'),
      ])
      requireProgram(words, { path: process.env.PATH ?? '' })
      process.exitCode = await withContext(command, async ({ clock, signal, output }) => {
        const devnet = await startDevnet(
          { clock, signal, environment: process.env, onEvent: (event) => output.note(formatDevnetEvent(event)) },
          devnetOptionsOf(flags),
        )
        try {
          return await runInDevnet({ signal }, { command: words, environment: devnet.environment })
        } finally {
          await devnet.close()
        }
      })
    })
