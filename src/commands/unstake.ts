import { Command } from 'commander'
import { withContext } from '../context.js'

/** `crynux unstake` */
export const unstakeCommand = (): Command =>
  new Command('unstake')
    .description('Leave the network, and take the stake back when unbonding is over')
    .option('--wait', 'wait until the stake is back')
    .addHelpText(
      'after',
      `
Without --wait it does what is possible now, and says when to come back.

Examples:
  $ crynux unstake
  $ crynux unstake --wait`,
    )
    .action(async (options: { wait?: true }, command: Command) => {
      await withContext(command, async ({ clock, signal, output, writer }) => {
        const [{ unstake }, { formatUnstake }] = await Promise.all([
          import('../roles/operator/unstake.js'),
          import('../ui/formatStake.js'),
        ])
        let noted = ''
        const report = await unstake(
          {
            chain: await writer(),
            clock,
            signal,
            onWait: (state) => {
              // Once for each state, not once for each look at the chain.
              if (state.state === noted) return
              noted = state.state
              output.note(formatUnstake(state))
            },
          },
          { wait: options.wait === true },
        )
        output.result('crynux.unstake/v1', report, formatUnstake)
      })
    })
