import { Command } from 'commander'
import { parseCnx } from '../../base/units.js'
import { withContext } from '../../context.js'
import { parseAddress } from '../options/address.js'

/** `crynux wallet withdraw` */
export const walletWithdrawCommand = (): Command =>
  new Command('withdraw')
    .description("Take CNX out of the wallet's ledger balance, where earnings and refunds arrive")
    .argument('[amount]', 'amount in CNX (default: all of it)', parseCnx)
    .option('--to <address>', 'who gets it (default: the wallet itself)')
    .addHelpText(
      'after',
      `
Examples:
  $ crynux wallet withdraw
  $ crynux wallet withdraw 25.5 --to 0x…`,
    )
    .action(async (amountWei: bigint | undefined, options: { to?: string }, command: Command) => {
      await withContext(command, async (context) => {
        const [{ withdrawEarnings }, { formatWithdrawal }] = await Promise.all([
          import('../../roles/operator/withdrawEarnings.js'),
          import('../../ui/formatWallet.js'),
        ])
        const to = options.to === undefined ? undefined : await parseAddress(options.to)
        const report = await withdrawEarnings(await context.writer(), { amountWei, to })
        context.output.result('crynux.wallet-withdraw/v1', report, formatWithdrawal)
      })
    })
