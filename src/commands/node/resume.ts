import { Command } from 'commander'
import { changeStatus } from './changeStatus.js'

/** `crynux node resume` */
export const nodeResumeCommand = (): Command =>
  new Command('resume')
    .description('Put the node back into the draw')
    .addHelpText(
      'after',
      `
Examples:
  $ crynux node resume --keystore node.json --password-file node.pw`,
    )
    .action((_options: unknown, command: Command) => changeStatus(command, 'resume'))
