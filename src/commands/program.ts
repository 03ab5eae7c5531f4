import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { packageRoot } from '../base/packageRoot.js'
import { SETTINGS } from '../store/configuration.js'
import { configCommand } from './config.js'
import { contractsDeployCommand } from './contracts/deploy.js'
import { contractsParametersCommand } from './contracts/parameters.js'
import { contractsSetRelayCommand } from './contracts/setRelay.js'
import { contractsVerifyCommand } from './contracts/verify.js'
import { demoCommand } from './demo.js'
import { devnetRunCommand } from './devnet/run.js'
import { devnetUpCommand } from './devnet/up.js'
import { inferCommand } from './infer.js'

import { modelsCommand } from './models/modelsCommand.js'

import { nodeDevicesCommand } from './node/devices.js'

import { nodeLeaveCommand } from './node/leave.js'
import { nodePauseCommand } from './node/pause.js'
import { nodeResumeCommand } from './node/resume.js'
import { nodeStartCommand } from './node/start.js'
import { nodeStatusCommand } from './node/status.js'
import { phashCommand } from './phash.js'
import { relayServeCommand } from './relay/serve.js'
import { stakeCommand } from './stake.js'
import { statsCommand } from './stats.js'
import { taskCommand } from './task/taskCommand.js'
import { unstakeCommand } from './unstake.js'
import { walletCreateCommand } from './wallet/create.js'
import { walletImportCommand } from './wallet/import.js'
import { walletSendCommand } from './wallet/send.js'
import { walletShowCommand } from './wallet/show.js'
import { walletWithdrawCommand } from './wallet/withdraw.js'

/** Adds every command and the options that all of them share. */
export function registerCommands(program: Command): Command {
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }
  program
    .description('One command line for every role of the Crynux network: node, relay, application, operator')
    .version(version)
    .option('--json', 'print one JSON document {schema, data} on stdout, errors as JSON on stderr')
  for (const { flag, env, placeholder, description } of Object.values(SETTINGS)) {
    program.option(`${flag} <${placeholder}>`, `${description} (env: ${env})`)
  }
  program
    .addCommand(taskCommand())
    .addCommand(
      group('node', 'Serve tasks and manage the node', [
        nodeStartCommand(),
        nodeStatusCommand(),
        nodePauseCommand(),
        nodeResumeCommand(),
        nodeLeaveCommand(),
        nodeDevicesCommand(),
      ]),
    )
    .addCommand(group('relay', 'Carry sealed arguments and results', [relayServeCommand()]))
    .addCommand(group('devnet', 'A whole network on this machine', [devnetUpCommand(), devnetRunCommand()]))
    .addCommand(stakeCommand())
    .addCommand(unstakeCommand())
    .addCommand(statsCommand())
    .addCommand(
      group('wallet', 'Encrypted keystores, and what they hold', [
        walletCreateCommand(),
        walletImportCommand(),
        walletShowCommand(),
        walletSendCommand(),
        walletWithdrawCommand(),
      ]),
    )
    .addCommand(configCommand())
    .addCommand(
      group('contracts', 'The contracts of a network', [
        contractsDeployCommand(),
        contractsVerifyCommand(),
        contractsParametersCommand(),
        contractsSetRelayCommand(),
      ]),
    )
    .addCommand(demoCommand())
    .addCommand(inferCommand())
    .addCommand(phashCommand())
    .addCommand(modelsCommand())
  showGlobalOptions(program)
  return program
}

/** Commands made elsewhere inherit no settings, so each has to be told. */
function showGlobalOptions(command: Command): void {
  command.configureHelp({ showGlobalOptions: true })
  for (const child of command.commands) showGlobalOptions(child)
}

/** A noun whose verbs are subcommands. */
function group(name: string, description: string, verbs: readonly Command[]): Command {
  const noun = new Command(name).description(description)
  for (const verb of verbs) noun.addCommand(verb)
  return noun
}
