import { Command } from 'commander'
import { withContext } from '../../context.js'
import { ownAddress } from '../options/ownAddress.js'

/** `crynux node status` */
export const nodeStatusCommand = (): Command =>
  new Command('status')
    .description("Show the wallet's node: status, stake, tasks, earnings")
    .addHelpText(
      'after',
      `
Examples:
  $ crynux node status --keystore node.json --network network.json
  $ crynux node status --json`,
    )
    .action(async (_options: unknown, command: Command) => {
      await withContext(command, async (context) => {
        const [{ readNodeReport }, { formatNodeReport }] = await Promise.all([
          import('../../roles/operator/readNodeReport.js'),
          import('../../ui/formatStats.js'),
        ])
        const report = await readNodeReport(await context.chain(), { node: await ownAddress(context) })
        context.output.result('crynux.node-status/v1', report, formatNodeReport)
      })
    })
