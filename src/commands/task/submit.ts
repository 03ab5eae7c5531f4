import { Command, Option } from 'commander'
import { InvalidInputError } from '../../base/errors.js'
import type { Hex } from '../../base/hex.js'
import { parseCnx } from '../../base/units.js'
import { type Context, withContext } from '../../context.js'
import type { SubmitOptions } from '../../roles/app/prepareTask.js'
import type { TaskProgress } from '../../roles/app/taskProgress.js'
import { parseDuration } from '../options/duration.js'
import { addImageArgumentOptions, type ImageArgumentFlags, readImageArguments } from '../options/imageArguments.js'
import { appDependencies } from './appDependencies.js'
import { withTaskView } from './withTaskView.js'

/** `crynux task submit`: one task from its arguments to verified files. */
export const taskSubmitCommand = (): Command =>
  addImageArgumentOptions(new Command('submit'))
    .description('Pay for a task, have three nodes run it, verify the result and write its files')
    .option('--out <path>', 'file of a single picture, e.g. picture.png, or a folder (default: crynux-<task>/)')
    .option('--force', 'replace files in the folder that --out names; a file that it names is always replaced')
    .option(
      '--key <text>',
      'names the task: the same key resumes the same task and never pays twice (default: random). Its hash goes on chain',
    )
    .addOption(
      new Option('--fee <cnx>', 'what the task pays, shared by the nodes that agree, in CNX')
        .env('CRYNUX_FEE')
        .default(parseCnx('30'), '30')
        .argParser(parseCnx),
    )
    .addOption(
      new Option('--timeout <duration>', 'how long the nodes may compute, e.g. 20s or 5m')
        .env('CRYNUX_TIMEOUT')
        .default(300_000, '5m')
        .argParser(parseDuration),
    )
    .addOption(
      new Option('--queue-timeout <duration>', 'how long to wait for three free nodes')
        .env('CRYNUX_QUEUE_TIMEOUT')
        .default(600_000, '10m')
        .argParser(parseDuration),
    )
    .option('--wait-for-nodes', 'pay and queue even when too few nodes could run the task')
    .addOption(
      new Option('--min-vram-gb <number>', 'pictures: only nodes with so much memory')
        .env('CRYNUX_MIN_VRAM_GB')
        .default(0)
        .argParser(parseVram),
    )
    .addOption(new Option('--gpu-model <name>', 'text: only nodes with this GPU').env('CRYNUX_GPU_MODEL'))
    .addOption(
      new Option('--relay <relay>', "address or URL of one of the network's relays (default: the first)").env(
        'CRYNUX_RELAY',
      ),
    )
    .option('--detach', 'return as soon as the nodes have the arguments; `task wait` fetches the result')
    .option('--dry-run', 'show fee, hashes and who will see what, and send nothing')
    .addHelpText(
      'after',
      `
Examples:
  $ crynux task submit --prompt "a big red circle on a blue background" --out picture.png
  $ crynux task submit --arguments task.json --out pictures/ --key order-4711 --fee 50 --json
  $ crynux task submit --prompt "a small green star" --dry-run

A task that was interrupted at any point continues when it is submitted again with the same --key.`,
    )
    .action(async (flags: SubmitFlags, command: Command) => {
      await withContext(command, async (context) => {
        const options = await submitOptions(context, flags)
        if (flags.dryRun) return plan(context, options)
        const { submitTask } = await import('../../roles/app/submitTask.js')
        const submit = async (onProgress: (event: TaskProgress) => void) =>
          submitTask(await appDependencies(context, onProgress), options)
        const result = await withTaskView(context, submit)
        const { formatSubmittedTask } = await import('../../ui/formatTask.js')
        context.output.result('crynux.task-submit/v1', result, formatSubmittedTask)
      })
    })

type SubmitFlags = ImageArgumentFlags & {
  out?: string
  force?: true
  key?: string
  fee: bigint
  timeout: number
  queueTimeout: number
  waitForNodes?: true
  minVramGb: number
  gpuModel?: string
  relay?: string
  detach?: true
  dryRun?: true
}

async function plan(context: Context, options: SubmitOptions): Promise<void> {
  const [{ planTask }, { formatTaskPlan }] = await Promise.all([
    import('../../roles/app/planTask.js'),
    import('../../ui/formatTask.js'),
  ])
  const planned = await planTask(await appDependencies(context), options)
  context.output.result('crynux.task-plan/v1', planned, formatTaskPlan)
}

async function submitOptions(context: Context, flags: SubmitFlags): Promise<SubmitOptions> {
  const [{ createModelStore }, { readInput }] = await Promise.all([
    import('../../models/modelStore.js'),
    import('../options/readInput.js'),
  ])
  const { out, force, key, fee, timeout, queueTimeout, waitForNodes, minVramGb, gpuModel, relay, detach } = flags
  const { modelCard } = createModelStore({
    modelRoots: context.modelRoots,
    cacheFolder: await context.modelCacheFolder(),
  })
  const task = await readImageArguments(argumentFlags(flags), { readFile: readInput, card: modelCard })
  return {
    task,
    feeWei: fee,
    executionTimeoutSeconds: Math.ceil(timeout / 1_000),
    queueTimeoutMs: queueTimeout,
    waitForNodes: waitForNodes === true,
    minVramGb,
    detach: detach === true,
    ...(out === undefined ? {} : { out: { path: out, force: force === true } }),
    ...(key === undefined ? {} : { key }),
    ...(relay === undefined ? {} : { relay }),
    ...(gpuModel === undefined ? {} : { gpuModel: await gpuModelHash(gpuModel) }),
  }
}

/** Only the flags that the arguments are made of: the others would be taken for a mixture with --arguments. */
function argumentFlags(flags: SubmitFlags): ImageArgumentFlags {
  const {
    out,
    force,
    key,
    fee,
    timeout,
    queueTimeout,
    waitForNodes,
    minVramGb,
    gpuModel,
    relay,
    detach,
    dryRun,
    ...rest
  } = flags
  return rest
}

async function gpuModelHash(name: string): Promise<Hex> {
  const { keccak256, stringToBytes } = await import('viem/utils')
  return keccak256(stringToBytes(name))
}

function parseVram(text: string): number {
  const gigabytes = Number(text)
  if (Number.isInteger(gigabytes) && gigabytes >= 0 && gigabytes <= 1024) return gigabytes
  throw new InvalidInputError(`'${text}' is not a number of gigabytes`, {
    remedy: 'Give a whole number from 0 to 1024.',
  })
}
