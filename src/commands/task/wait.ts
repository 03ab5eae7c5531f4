import { Command, Option } from 'commander'
import { type Context, withContext } from '../../context.js'
import type { TaskProgress } from '../../roles/app/taskProgress.js'
import { parseDuration } from '../options/duration.js'
import { appDependencies, taskIdFrom } from './appDependencies.js'
import { withTaskView } from './withTaskView.js'

type WaitFlags = { out?: string; force?: true; queueTimeout: number }

/** `crynux task wait`: the end of a submitted task. */
export const taskWaitCommand = (): Command =>
  outOptions(new Command('wait'))
    .description('Wait for the end of a task of this wallet, verify the result and write its files')
    .addOption(
      new Option('--queue-timeout <duration>', 'how long to wait for three free nodes')
        .argParser(parseDuration)
        .default(600_000, '10m'),
    )
    .addHelpText(
      'after',
      `
Examples:
  $ crynux task wait order-4711
  $ crynux task wait 0x… --out pictures/ --json`,
    )
    .action(async (reference: string, flags: WaitFlags, command: Command) => {
      await withContext(command, (context) => deliver(context, reference, flags))
    })

/** `crynux task result`: the same for a task that is already over. */
export const taskResultCommand = (): Command =>
  outOptions(new Command('result'))
    .description('Fetch and verify the result of a task that is completed')
    .addHelpText(
      'after',
      `
Examples:
  $ crynux task result order-4711 --out picture.png`,
    )
    .action(async (reference: string, flags: Omit<WaitFlags, 'queueTimeout'>, command: Command) => {
      await withContext(command, (context) => deliver(context, reference, { ...flags, queueTimeout: 0 }, true))
    })

const outOptions = (command: Command): Command =>
  command
    .argument('<task>', "the task's id or key")
    .option('--out <path>', 'file of a single picture, or a folder (default: what submit was told)')
    .option('--force', 'replace files in the folder that --out names')

async function deliver(context: Context, reference: string, flags: WaitFlags, mustBeOver = false): Promise<void> {
  const [{ resumeTask }, { formatSubmittedTask }, taskId] = await Promise.all([
    import('../../roles/app/submitTask.js'),
    import('../../ui/formatTask.js'),
    taskIdFrom(context, reference),
  ])
  const result = await withTaskView(context, async (onProgress: (event: TaskProgress) => void) =>
    resumeTask(await appDependencies(context, onProgress), {
      taskId,
      queueTimeoutMs: flags.queueTimeout,
      mustBeOver,
      ...(flags.out === undefined ? {} : { out: { path: flags.out, force: flags.force === true } }),
    }),
  )
  context.output.result(mustBeOver ? 'crynux.task-result/v1' : 'crynux.task-wait/v1', result, formatSubmittedTask)
}
