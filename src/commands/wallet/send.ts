import { Command } from 'commander'
import { parseCnx } from '../../base/units.js'
import { withContext } from '../../context.js'
import { parseAddress } from '../options/address.js'

/** `crynux wallet send` */
export const walletSendCommand = (): Command =>
  new Command('send')
    .description('Send CNX from the wallet to an account; after `contracts deploy`, the owner holds all there are')
    .argument('<to>', 'who gets it')
    .argument('<amount>', 'amount in CNX', parseCnx)
    .addHelpText(
      'after',
      `
Examples:
  $ crynux wallet send 0x… 500
  $ crynux wallet send 0x… 0.5 --keystore owner.json --network network.json --json`,
    )
    .action(async (recipient: string, amountWei: bigint, _options: unknown, command: Command) => {
      await withContext(command, async (context) => {
        const [{ sendTokens }, { formatTransfer }] = await Promise.all([
          import('../../roles/operator/sendTokens.js'),
          import('../../ui/formatWallet.js'),
        ])
        const to = await parseAddress(recipient)
        const report = await sendTokens(await context.writer(), { to, amountWei })
        context.output.result('crynux.wallet-send/v1', report, formatTransfer)
      })
    })
