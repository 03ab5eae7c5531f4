import { Command } from 'commander'
import { changeStatus } from './changeStatus.js'

/** `crynux node leave` */
export const nodeLeaveCommand = (): Command =>
  new Command('leave')
    .description('Leave the network; the stake can be withdrawn with `crynux unstake` after unbonding')
    .addHelpText(
      'after',
      `
Examples:
  $ crynux node leave --keystore node.json --password-file node.pw
  $ crynux unstake --wait`,
    )
    .action((_options: unknown, command: Command) => changeStatus(command, 'leave'))
