import { Command } from 'commander'
import { InvalidInputError } from '../../base/errors.js'
import { withContext } from '../../context.js'
import { parseAddress } from '../options/address.js'
import { parseRelayUrl } from '../options/relayUrl.js'

/** `crynux contracts set-relay` */
export const contractsSetRelayCommand = (): Command =>
  new Command('set-relay')
    .description("Put a relay on the network's list, change its URL, or take it off; for the network's owner")
    .argument('<address>', "the relay's wallet, which signs its receipts")
    .argument('[url]', 'its public URL, e.g. https://relay.example', parseRelayUrl)
    .option('--remove', 'take it off the list; tasks that named it can still be delivered')
    .addHelpText(
      'after',
      `
Examples:
  $ crynux contracts set-relay 0x… https://relay.example --keystore owner.json --network network.json
  $ crynux contracts set-relay 0x… --remove`,
    )
    .action(async (address: string, url: string | undefined, options: { remove?: true }, command: Command) => {
      if ((url === undefined) !== (options.remove === true)) {
        throw new InvalidInputError(url === undefined ? 'no URL is given' : `--remove and '${url}' are both given`, {
          remedy: "Give the relay's public URL, or --remove to take it off the list.",
        })
      }
      await withContext(command, async (context) => {
        const [{ changeRelay }, { formatRelayChange }] = await Promise.all([
          import('../../roles/operator/changeRelay.js'),
          import('../../ui/formatWallet.js'),
        ])
        const relay = await parseAddress(address)
        const change = await changeRelay(await context.writer(), { relay, url: url ?? null })
        context.output.result('crynux.contracts-set-relay/v1', change, formatRelayChange)
      })
    })
