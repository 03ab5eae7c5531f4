import { Command } from 'commander'
import { withContext } from '../../context.js'
import { taskIdFrom } from './appDependencies.js'

/** `crynux task status` */
export const taskStatusCommand = (): Command =>
  new Command('status')
    .description('Show where a task stands, as anybody can read it on chain')
    .argument('<task>', "the task's id, or the key of a task of this wallet")
    .addHelpText(
      'after',
      `
Examples:
  $ crynux task status order-4711
  $ crynux task status 0x… --json`,
    )
    .action(async (reference: string, _options: unknown, command: Command) => {
      await withContext(command, async (context) => {
        const [{ readTaskStatus }, { formatTaskStatus }, taskId] = await Promise.all([
          import('../../roles/app/readTaskStatus.js'),
          import('../../ui/formatTask.js'),
          taskIdFrom(context, reference),
        ])
        const status = await readTaskStatus(await context.chain(), { taskId })
        context.output.result('crynux.task-status/v1', status, formatTaskStatus)
      })
    })
