import { Command, Option } from 'commander'
import { InvalidInputError } from '../../base/errors.js'
import { parseCnx } from '../../base/units.js'
import type { DeploymentOverview } from '../../chain/deployment/overview.js'
import { askYes, type Context, MissingSettingError, withContext } from '../../context.js'
import type { DeployedNetwork } from '../../roles/operator/deployNetwork.js'
import { parseAddress } from '../options/address.js'
import { parseDuration } from '../options/duration.js'
import { ownAddress } from '../options/ownAddress.js'
import { parsePercent } from '../options/percent.js'
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
    .option('--maximum-timeout <duration>', 'the longest time for a task (default: 2h)', parseDuration)
    .option('--reveal-window <duration>', 'time for revealing (default: 5m)', parseDuration)
    .option('--upload-window <duration>', 'time for uploading (default: 10m)', parseDuration)
    .option('--unbonding <duration>', 'how long a stake stays locked after leaving (default: 30m)', parseDuration)
    .option('--penalty <percent>', 'part of its stake that a silent node loses (default: 2%)', parsePercent)
    .option('--error-fee <percent>', 'part of the fee for agreeing on an error (default: 20%)', parsePercent)
    .option('--hamming-threshold <bits>', 'pictures with fewer different bits are the same (default: 5)', parseBits)
    .option('--bytecode', 'deploy the shipped bytecode even where forge is there')
    .option('--dry-run', 'show what would be sent and what it costs, and send nothing')
    .option('--yes', 'do not ask; needed without a terminal, unless the chain is a known development or test chain')
    .option('--force', "replace another network's profile, or deploy once more")
    .option('--abandon', 'forget an unfinished deployment of this wallet, and begin anew')
    .addHelpText(
      'after',
      `
forge (CRYNUX_FORGE, the npm package, or PATH) runs contracts/script/Deploy.s.sol where it and a compiler are there; else the
shipped bytecode is deployed. This process signs either way: the key is given to no other program.

Whatever interrupts it, the same command goes on where it stopped and pays nothing twice: each transaction is noted in the data
folder before it is sent. At the end the code on the chain is compared with the build, byte for byte.

Examples:
  $ crynux contracts deploy --rpc-url http://127.0.0.1:8545 --keystore owner.json --relay 0x…=https://relay.example
  $ crynux contracts deploy --rpc-url http://127.0.0.1:8545 --unbonding 90s --upload-window 30s --out devnet.json
  $ crynux contracts deploy --rpc-url https://rpc.example --dry-run
  $ crynux contracts deploy --rpc-url https://rpc.example --yes --json`,
    )
    .action(async (options: DeployFlags, command: Command) => {
      await withContext(command, async (context) => {
        const [{ deployNetwork, planNetwork }, { formatDeployment, formatDeploymentPlan }] = await Promise.all([
          import('../../roles/operator/deployNetwork.js'),
          import('../../ui/formatContracts.js'),
        ])
        const { clock, signal, output, dataFolder } = context
        const rpcUrl = context.setting('rpcUrl')
        if (!rpcUrl) {
          throw new MissingSettingError('no RPC address is known', {
            remedy: 'Give --rpc-url <url> (env CRYNUX_RPC_URL).',
          })
        }
        const relays = await Promise.all(options.relay.map(parseRelay))
        const dependencies = { rpcUrl, clock, signal, dataFolder, onNote: output.note }
        const wishes = {
          name: options.name,
          relays,
          parameters: parametersOf(options),
          abandon: options.abandon === true,
          ...(options.bytecode ? { forge: false as const } : {}),
        }
        if (options.dryRun) {
          const plan = await planNetwork({ ...dependencies, owner: await ownAddress(context) }, wishes)
          output.result('crynux.contracts-deploy-plan/v1', plan, formatDeploymentPlan)
          return
        }
        const { account } = await context.wallet()
        const confirm = async (plan: DeploymentOverview) => {
          output.note(formatDeploymentPlan(plan))
          await requireConsent(context, { plan, yes: options.yes === true })
        }
        const report = (network: DeployedNetwork) => {
          if (relays.length === 0) {
            output.note(
              'note: no relay is listed, and no task can be submitted without one: see `crynux contracts set-relay`',
            )
          }
          output.result('crynux.contracts-deploy/v1', network, formatDeployment)
        }
        await deployNetwork(
          { ...dependencies, account, confirm, report, onStep: (what) => output.note(`sending: ${what}`) },
          { ...wishes, out: options.out, force: options.force === true },
        )
      })
    })

/** Nobody shall pay for a deployment by mistake: on a chain that may be worth money somebody has to say yes. */
async function requireConsent(
  { output }: Context,
  { plan, yes }: { plan: DeploymentOverview; yes: boolean },
): Promise<void> {
  if (yes || plan.chainKind !== 'other' || plan.transactions.every(({ state }) => state === 'mined')) return
  if (output.json || !process.stdin.isTTY) {
    throw new InvalidInputError(`chain ${plan.chainId} is not known as a development or test chain`, {
      remedy: 'What is sent there may cost money: look at it with --dry-run, then add --yes.',
      details: { chainId: plan.chainId, gas: String(plan.gas), costWei: String(plan.costWei) },
    })
  }
  if (await askYes(`Send this to chain ${plan.chainId}, where it may cost money? [y/N] `)) return
  throw new InvalidInputError('nothing was sent, because the answer was no', {
    remedy: 'Run it again to be asked again.',
  })
}

type DeployFlags = {
  out: string
  name: string
  relay: string[]
  minimumStake?: bigint
  minimumFee?: bigint
  minimumTimeout?: number
  maximumTimeout?: number
  revealWindow?: number
  uploadWindow?: number
  unbonding?: number
  penalty?: number
  errorFee?: number
  hammingThreshold?: number
  bytecode?: true
  dryRun?: true
  yes?: true
  force?: true
  abandon?: true
}

function parametersOf(flags: DeployFlags) {
  const seconds = (milliseconds: number | undefined) =>
    milliseconds === undefined ? undefined : Math.ceil(milliseconds / 1_000)
  const wishes = {
    minimumStakeWei: flags.minimumStake,
    minimumFeeWei: flags.minimumFee,
    minimumExecutionTimeoutSeconds: seconds(flags.minimumTimeout),
    maximumExecutionTimeoutSeconds: seconds(flags.maximumTimeout),
    revealWindowSeconds: seconds(flags.revealWindow),
    uploadWindowSeconds: seconds(flags.uploadWindow),
    unbondingSeconds: seconds(flags.unbonding),
    penaltyBasisPoints: flags.penalty,
    errorFeeBasisPoints: flags.errorFee,
    hammingThreshold: flags.hammingThreshold,
  }
  return Object.fromEntries(Object.entries(wishes).filter(([, value]) => value !== undefined))
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

function parseBits(text: string): number {
  if (/^\d{1,3}$/.test(text)) return Number(text)
  throw new InvalidInputError(`'${text}' is not a number of bits`, { remedy: 'Write a whole number, such as 5.' })
}

const collect = (value: string, earlier: string[]): string[] => [...earlier, value]
