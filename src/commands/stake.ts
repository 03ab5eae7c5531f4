import { Command } from 'commander'
import { InvalidInputError } from '../base/errors.js'
import { parseCnx } from '../base/units.js'
import { type Context, withContext } from '../context.js'
import { parseAddress } from './options/address.js'
import { gpuModelHash, parseVram } from './options/hardware.js'

/** `crynux stake` */
export const stakeCommand = (): Command =>
  new Command('stake')
    .description("Lock CNX as the stake of the wallet's node; joins the network when it is no node yet")
    .argument('[amount]', 'amount in CNX, e.g. 400', parseCnx)
    .option('--gpu-model <name>', 'for joining: the GPU, as other nodes of the same model name it')
    .option('--vram-gb <number>', 'for joining: memory of the GPU in GB', parseVram)
    .option('--beneficiary <address>', 'for joining: cold address for earnings and returned stake')
    .option('--explain', 'show what can be lost and why, and lock nothing')
    .addHelpText(
      'after',
      `
Examples:
  $ crynux stake --explain
  $ crynux stake 400 --gpu-model "NVIDIA RTX 4090" --vram-gb 24
  $ crynux stake 50`,
    )
    .action(async (amountWei: bigint | undefined, options: StakeFlags, command: Command) => {
      await withContext(command, async (context) => {
        if (options.explain) return explain(context, amountWei)
        if (amountWei === undefined) {
          throw new InvalidInputError('no amount is named', {
            remedy: 'Write e.g. `crynux stake 400`, or use --explain.',
          })
        }
        const [{ stake }, { formatStake }] = await Promise.all([
          import('../roles/operator/stake.js'),
          import('../ui/formatStake.js'),
        ])
        const { gpuModel, vramGb, beneficiary } = options
        const report = await stake(
          { chain: await context.writer(), wallet: await context.wallet() },
          {
            amountWei,
            vramGb,
            gpuModel: gpuModel === undefined ? undefined : await gpuModelHash(gpuModel),
            beneficiary: beneficiary === undefined ? undefined : await parseAddress(beneficiary),
          },
        )
        context.output.result('crynux.stake/v1', report, formatStake)
      })
    })

type StakeFlags = { gpuModel?: string; vramGb?: number; beneficiary?: string; explain?: true }

async function explain(context: Context, amountWei: bigint | undefined): Promise<void> {
  const [{ explainStake }, { formatStakeExplanation }] = await Promise.all([
    import('../roles/operator/explainStake.js'),
    import('../ui/formatStake.js'),
  ])
  const explanation = await explainStake(await context.chain(), { amountWei })
  context.output.result('crynux.stake-explanation/v1', explanation, formatStakeExplanation)
}
