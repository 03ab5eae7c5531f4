import { Command } from 'commander'
import { changeStatus } from './changeStatus.js'

/** `crynux node pause` */
export const nodePauseCommand = (): Command =>
  new Command('pause')
    .description('Take the node out of the draw; a task that it holds is finished first')
    .addHelpText(
      'after',
      `
Examples:
  $ crynux node pause --keystore node.json --password-file node.pw`,
    )
    .action((_options: unknown, command: Command) => changeStatus(command, 'pause'))
