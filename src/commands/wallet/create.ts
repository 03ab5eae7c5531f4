import { Command } from 'commander'
import { withContext } from '../../context.js'
import { keystorePath } from '../options/ownAddress.js'
import { LIGHT_SCRYPT_N, newPassword } from './newPassword.js'

/** `crynux wallet create` */
export const walletCreateCommand = (): Command =>
  new Command('create')
    .description('Make a new wallet: an encrypted keystore file (version 3, as geth and cast use)')
    .option('--light', 'a password that is cheaper to guess and faster to open; for tests')
    .addHelpText(
      'after',
      `
Examples:
  $ crynux wallet create --keystore node.json
  $ crynux wallet create --keystore node.json --password-file node.pw --json`,
    )
    .action(async (options: { light?: true }, command: Command) => {
      await withContext(command, async (context) => {
        const [{ createKeystore }, { formatWallet }] = await Promise.all([
          import('../../store/keystore.js'),
          import('../../ui/formatWallet.js'),
        ])
        const keystore = keystorePath(context)
        const { address } = await createKeystore({
          path: keystore,
          password: await newPassword(context),
          ...(options.light ? { scryptN: LIGHT_SCRYPT_N } : {}),
        })
        context.output.result('crynux.wallet-create/v1', { address, keystore, balances: null }, formatWallet)
        context.output.note('Keep a copy of the file and its password: nobody else can restore this wallet.')
      })
    })
