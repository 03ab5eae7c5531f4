import { Command, Option } from 'commander'
import { InvalidInputError } from '../../base/errors.js'
import { parseCnx } from '../../base/units.js'
import { MissingSettingError, withContext } from '../../context.js'
import { parseAddress } from '../options/address.js'
import { parseDuration } from '../options/duration.js'
import { parseRelayUrl } from '../options/relayUrl.js'

/** `crynux contracts deploy` */
export const contractsDeployCommand = (): Command =>
  new Command('deploy')
    .description('Put a new network on a chain and write its profile; the wallet owns it and gets all CNX')
    .option('--out <file>', 'where to write the network profile', 'network.json')
    .option('--name <name>', "the network's name", 'crynux')
    .addOption(
      new Option('--relay <address=url>', 'a relay: its signer and public URL; may be repeated')
        .argParser(collect)
        .default([], 'none'),
    )
    .option('--minimum-stake <cnx>', 'what a node must lock (default: 400)', parseCnx)
    .option('--minimum-fee <cnx>', 'the lowest fee of a task (default: 3 wei)', parseCnx)
    .option('--minimum-timeout <duration>', 'the shortest time for a task (default: 60s)', parseDuration)
    .option('--reveal-window <duration>', 'time for revealing (default: 5m)', parseDuration)
    .option('--upload-window <duration>', 'time for uploading (default: 10m)', parseDuration)
    .option('--unbonding <duration>', 'how long a stake stays locked after leaving (default: 30m)', parseDuration)
    .option('--bytecode', 'deploy the shipped bytecode even where forge is there')
    .option('--force', 'replace an existing profile')
    .addHelpText(
      'after',
      `
forge (CRYNUX_FORGE, the npm package, or PATH) runs contracts/script/Deploy.s.sol where it and a compiler are there; else the
shipped bytecode is deployed. This process signs either way: the key is given to no other program.

Examples:
  $ crynux contracts deploy --rpc-url http://127.0.0.1:8545 --keystore owner.json --relay 0x…=https://relay.example
  $ crynux contracts deploy --rpc-url http://127.0.0.1:8545 --unbonding 90s --upload-window 30s --out devnet.json`,
    )
    .action(async (options: DeployFlags, command: Command) => {
      await withContext(command, async (context) => {
        const [{ deployContracts }, { saveNetworkProfile }, { formatDeployment }, { existsSync }] = await Promise.all([
          import('../../chain/deploy.js'),
          import('../../store/networkProfile.js'),
          import('../../ui/formatWallet.js'),
          import('node:fs'),
        ])
        const { clock, signal, output } = context
        const rpcUrl = context.setting('rpcUrl')
        if (!rpcUrl) {
          throw new MissingSettingError('no RPC address is known', {
            remedy: 'Give --rpc-url <url> (env CRYNUX_RPC_URL).',
          })
        }
        const { out } = options
        if (existsSync(out) && !options.force) {
          throw new InvalidInputError(`'${out}' exists already`, {
            remedy: 'Choose another --out, or add --force to replace it.',
          })
        }
        const relays = await Promise.all(options.relay.map(parseRelay))
        const { account } = await context.wallet()
        const profile = await deployContracts(
          { rpcUrl, account, clock, signal, onNote: output.note },
          {
            name: options.name,
            relays,
            parameters: parametersOf(options),
            ...(options.bytecode ? { forge: false } : {}),
          },
        )
        await saveNetworkProfile(out, profile)
        if (relays.length === 0)
          output.note(
            'note: no relay is listed, and no task can be submitted without one: see `crynux contracts set-relay`',
          )
        output.result('crynux.contracts-deploy/v1', { path: out, profile }, formatDeployment)
      })
    })

type DeployFlags = {
  out: string
  name: string
  relay: string[]
  minimumStake?: bigint
  minimumFee?: bigint
  minimumTimeout?: number
  revealWindow?: number
  uploadWindow?: number
  unbonding?: number
  bytecode?: true
  force?: true
}

function parametersOf({
  minimumStake,
  minimumFee,
  minimumTimeout,
  revealWindow,
  uploadWindow,
  unbonding,
}: DeployFlags) {
  return {
    ...(minimumStake === undefined ? {} : { minimumStakeWei: minimumStake }),
    ...(minimumFee === undefined ? {} : { minimumFeeWei: minimumFee }),
    ...(minimumTimeout === undefined ? {} : { minimumExecutionTimeoutSeconds: Math.ceil(minimumTimeout / 1_000) }),
    ...(revealWindow === undefined ? {} : { revealWindowSeconds: Math.ceil(revealWindow / 1_000) }),
    ...(uploadWindow === undefined ? {} : { uploadWindowSeconds: Math.ceil(uploadWindow / 1_000) }),
    ...(unbonding === undefined ? {} : { unbondingSeconds: Math.ceil(unbonding / 1_000) }),
  }
}

async function parseRelay(text: string) {
  const separator = text.indexOf('=')
  if (separator === -1) {
    throw new InvalidInputError(`'${text}' is not a relay`, {
      remedy: "Write the signer's address, = and an http(s) URL: 0x…=https://relay.example",
    })
  }
  return { address: await parseAddress(text.slice(0, separator)), url: parseRelayUrl(text.slice(separator + 1)) }
}

const collect = (value: string, earlier: string[]): string[] => [...earlier, value]
