import { Command } from 'commander'
import type { Hex } from '../../base/hex.js'
import { withContext } from '../../context.js'
import { keystorePath } from '../options/ownAddress.js'
import { readInput } from '../options/readInput.js'
import { LIGHT_SCRYPT_N, newPassword } from './newPassword.js'

/** `crynux wallet import` */
export const walletImportCommand = (): Command =>
  new Command('import')
    .description('Put an existing private key into an encrypted keystore file')
    .argument(
      '<file>',
      'file with the private key in hexadecimal digits, or - for standard input; never the key itself',
    )
    .option('--light', 'a password that is cheaper to guess and faster to open; for tests')
    .addHelpText(
      'after',
      `
Examples:
  $ crynux wallet import key.txt --keystore node.json
  $ pass show crynux | crynux wallet import - --keystore node.json --password-file node.pw`,
    )
    .action(async (file: string, options: { light?: true }, command: Command) => {
      await withContext(command, async (context) => {
        const [{ createKeystore }, { formatWallet }] = await Promise.all([
          import('../../store/keystore.js'),
          import('../../ui/formatWallet.js'),
        ])
        const text = (await readInput(file)).trim()
        const keystore = keystorePath(context)
        const { address } = await createKeystore({
          path: keystore,
          password: await newPassword(context),
          privateKey: (text.startsWith('0x') ? text : `0x${text}`) as Hex,
          ...(options.light ? { scryptN: LIGHT_SCRYPT_N } : {}),
        })
        context.output.result('crynux.wallet-import/v1', { address, keystore, balances: null }, formatWallet)
      })
    })
