import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Command, Option } from 'commander'
import { packageRoot } from '../base/packageRoot.js'

/** Adds every command and the options that all of them share. */
export function registerCommands(program: Command): Command {
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }
  program
    .description('One command line for every role of the Crynux network: node, relay, application, operator')
    .version(version)
    .showHelpAfterError(false)
    .configureHelp({ showGlobalOptions: true })
    .option('--json', 'print one JSON document {schema, data} on stdout, errors as JSON on stderr')
    .addOption(
      new Option('--log-level <level>', 'how much is logged on stderr (env: CRYNUX_LOG_LEVEL)').choices([
        'silent',
        'error',
        'warn',
        'info',
        'debug',
      ]),
    )
    .option('--network <file>', 'network profile written by `contracts deploy` (env: CRYNUX_NETWORK)')
    .option('--rpc-url <url>', "the chain's JSON-RPC address (env: CRYNUX_RPC_URL)")
    .option('--keystore <file>', 'encrypted keystore of the wallet (env: CRYNUX_KEYSTORE)')
    .option('--password-file <file>', "file with the keystore's password (env: CRYNUX_PASSWORD_FILE)")
    .option('--data-dir <folder>', 'where journals and working files are kept (env: CRYNUX_DATA_DIR)')
    .option('--model-root <folder>', 'searched first for <model id>/ folders (env: CRYNUX_MODEL_ROOT)')
  return program
}
