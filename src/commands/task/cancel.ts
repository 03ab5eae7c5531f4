import { Command } from 'commander'
import { formatCnx } from '../../base/units.js'
import { withContext } from '../../context.js'
import { appDependencies, taskIdFrom } from './appDependencies.js'

/** `crynux task cancel` */
export const taskCancelCommand = (): Command =>
  new Command('cancel')
    .description(
      'Take back a task of this wallet that still waits for its nodes, with full refund; not while enough nodes are free for it',
    )
    .argument('<task>', "the task's id or key")
    .addHelpText(
      'after',
      `
Examples:
  $ crynux task cancel order-4711`,
    )
    .action(async (reference: string, _options: unknown, command: Command) => {
      await withContext(command, async (context) => {
        const [{ cancelQueuedTask }, taskId] = await Promise.all([
          import('../../roles/app/cancelQueuedTask.js'),
          taskIdFrom(context, reference),
        ])
        const result = await cancelQueuedTask(await appDependencies(context), { taskId })
        context.output.result(
          'crynux.task-cancel/v1',
          result,
          ({ refundWei }) => `cancelled; ${formatCnx(BigInt(refundWei))} CNX are back in the ledger balance`,
        )
      })
    })
