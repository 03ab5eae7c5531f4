import { Command } from 'commander'
import { withContext } from '../../context.js'
import { keystorePath, ownAddress } from '../options/ownAddress.js'

/** `crynux wallet show` */
export const walletShowCommand = (): Command =>
  new Command('show')
    .description("Show the wallet's address and, where a network is named, what it holds; never its key")
    .addHelpText(
      'after',
      `
Examples:
  $ crynux wallet show --keystore node.json
  $ crynux wallet show --network network.json --json`,
    )
    .action(async (_options: unknown, command: Command) => {
      await withContext(command, async (context) => {
        const { formatWallet } = await import('../../ui/formatWallet.js')
        const address = await ownAddress(context)
        let balances = null
        if (context.setting('network')) {
          const { readBalances } = await import('../../roles/operator/readBalances.js')
          balances = await readBalances(await context.chain(), { account: address })
        }
        const keystore = keystorePath(context)
        context.output.result('crynux.wallet-show/v1', { address, keystore, balances }, formatWallet)
      })
    })
