import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { packageRoot } from '../base/packageRoot.js'
import { SETTINGS } from '../store/configuration.js'

/** Adds every command and the options that all of them share. */
export function registerCommands(program: Command): Command {
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }
  program
    .description('One command line for every role of the Crynux network: node, relay, application, operator')
    .version(version)
    .showHelpAfterError(false)
    .configureHelp({ showGlobalOptions: true })
    .option('--json', 'print one JSON document {schema, data} on stdout, errors as JSON on stderr')
  for (const { flag, env, placeholder, description } of Object.values(SETTINGS)) {
    program.option(`${flag} <${placeholder}>`, `${description} (env: ${env})`)
  }
  return program
}
