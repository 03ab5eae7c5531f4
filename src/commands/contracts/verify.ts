import { Command } from 'commander'
import { withContext } from '../../context.js'

/** `crynux contracts verify` */
export const contractsVerifyCommand = (): Command =>
  new Command('verify')
    .description("Compare a network's contracts with this program's build, and with what its profile says")
    .addHelpText(
      'after',
      `
The code of each contract is compared byte for byte, with the addresses and names that its constructor writes into it; then the
owner and, where the profile names them, the parameters. Exit status 0: all is as it should be; 11: the error names the first
difference. No wallet is needed.

Examples:
  $ crynux contracts verify --network network.json
  $ crynux contracts verify --network network.json --rpc-url https://rpc.example --json`,
    )
    .action(async (_options: unknown, command: Command) => {
      await withContext(command, async ({ output, chain }) => {
        const [{ verifyNetwork }, { formatVerification }] = await Promise.all([
          import('../../roles/operator/verifyNetwork.js'),
          import('../../ui/formatContracts.js'),
        ])
        output.result('crynux.contracts-verify/v1', await verifyNetwork(await chain()), formatVerification)
      })
    })
