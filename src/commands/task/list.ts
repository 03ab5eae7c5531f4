import { Command } from 'commander'
import { InvalidInputError } from '../../base/errors.js'
import type { Address } from '../../base/hex.js'
import { withContext } from '../../context.js'

/** `crynux task list` */
export const taskListCommand = (): Command =>
  new Command('list')
    .description(
      'List the tasks that this wallet, or another account, created; with the keys of those submitted from here',
    )
    .option('--creator <address>', "whose tasks (default: this wallet's)")
    .option('--limit <number>', 'at most so many, the newest', parseLimit, 50)
    .addHelpText(
      'after',
      `
Examples:
  $ crynux task list --limit 10
  $ crynux task list --creator 0x… --json`,
    )
    .action(async (options: { creator?: string; limit: number }, command: Command) => {
      await withContext(command, async (context) => {
        const [{ listTasks }, { formatTaskList }, { isAddress }] = await Promise.all([
          import('../../roles/app/readTaskStatus.js'),
          import('../../ui/formatTask.js'),
          import('viem/utils'),
        ])
        const creator = options.creator ?? (await context.wallet()).address
        if (!isAddress(creator)) {
          throw new InvalidInputError(`'${creator}' is not an address`, {
            remedy: 'Write 0x and 40 hexadecimal digits; a checksum, if given, must be right.',
          })
        }
        const tasks = await listTasks(await context.chain(), {
          creator: creator as Address,
          limit: options.limit,
          dataFolder: context.dataFolder,
        })
        context.output.result('crynux.task-list/v1', { tasks }, (data) => formatTaskList(data.tasks))
      })
    })

function parseLimit(text: string): number {
  const limit = Number(text)
  if (Number.isInteger(limit) && limit >= 1 && limit <= 10_000) return limit
  throw new InvalidInputError(`--limit is '${text}'`, { remedy: 'Give a whole number from 1 to 10000.' })
}
