import { Command, Option } from 'commander'
import { InvalidInputError } from '../../base/errors.js'
import { withContext } from '../../context.js'
import { shownModelId } from '../../models/modelId.js'
import type { PullOptions, PullReport } from '../../models/modelPuller.js'
import { openPuller } from './openPuller.js'

/** `crynux models pull` */
export const modelsPullCommand = (): Command =>
  new Command('pull')
    .description('Fetch models from the hub, or from URLs, into the cache; what was interrupted goes on')
    .argument(
      '<models...>',
      'hub ids such as owner/name, or https URLs of a safetensors adapter or a zip with an ONNX model',
    )
    .option('--revision <name>', 'branch, tag or commit of a hub model (default: main)')
    .option('--variant <name>', 'e.g. fp16: model.fp16.onnx or model_fp16.onnx instead of model.onnx')
    .option('--file <path>', 'only this file of a hub model, e.g. one LoRA of several')
    .option('--pin', 'never remove these models to make room')
    .option('--no-pin', 'take the pin away')
    .option('--check', 'hash the files that are there, and fetch damaged ones again')
    .option('--dry-run', 'show files and sizes, and fetch nothing')
    .option('--events', 'with --json: one line for each thing that happens, and the result at the end')
    .addOption(new Option('--offline', 'only look whether the models are there').env('CRYNUX_OFFLINE'))
    .addOption(
      new Option('--jobs <number>', 'files that are fetched at the same time')
        .env('CRYNUX_JOBS')
        .default(4)
        .argParser(parseJobs),
    )
    .addHelpText(
      'after',
      `
Only the files that tasks need are fetched: ONNX networks, configurations, vocabularies; of an adapter its weights.
HF_ENDPOINT names a mirror, HF_TOKEN a token, HF_HUB_CACHE or HF_HOME a cache that other programs share; HF_HUB_OFFLINE=1 fetches nothing.

Examples:
  $ crynux models pull owner/stable-diffusion-onnx --dry-run
  $ crynux models pull owner/chat-onnx --variant q4 --pin
  $ crynux models pull owner/some-lora --file style.safetensors --revision v2
  $ crynux models pull https://example.com/style.safetensors --json --events`,
    )
    .action(async (models: string[], flags: PullFlags, command: Command) => {
      await withContext(command, async (context) => {
        const { output, signal, clock } = context
        if (flags.events && !output.json) {
          throw new InvalidInputError('--events is given without --json', { remedy: 'Give both, or neither.' })
        }
        const [{ openPullView }, { formatPulled }] = await Promise.all([
          import('../../ui/pullView.js'),
          import('../../ui/formatModels.js'),
        ])
        const puller = await openPuller(context, { offline: flags.offline === true, jobs: flags.jobs })
        const reports: PullReport[] = []
        for (const model of models) {
          const view = await openPullView({ json: output.json, now: clock.now, title: shownModelId(model) })
          try {
            const report = await puller.pull(model, {
              signal,
              ...pullOptions(flags),
              onEvent: (event) => {
                if (flags.events) output.result('crynux.models-pull-event/v1', event, () => '')
                else view.show(event)
              },
            })
            view.done(report)
            reports.push(report)
          } catch (error) {
            view.fail(signal.aborted ? 'interrupted; the same command goes on' : undefined)
            throw error
          } finally {
            await view.close()
          }
        }
        output.result('crynux.models-pull/v1', { models: reports }, formatPulled)
      })
    })

type PullFlags = {
  revision?: string
  variant?: string
  file?: string
  pin?: boolean
  check?: true
  dryRun?: true
  events?: true
  offline?: boolean
  jobs: number
}

function pullOptions({ revision, variant, file, pin, check, dryRun }: PullFlags): Omit<PullOptions, 'signal'> {
  if (revision !== undefined && !/^(?!.*(?:\.\.|\/\/))[\w][\w./-]{0,199}$/.test(revision)) {
    throw new InvalidInputError('--revision is not the name of a branch, tag or commit', {
      remedy: 'Use letters, digits, dots, slashes and dashes.',
    })
  }
  if (variant !== undefined && !/^[\w-]{1,40}$/.test(variant)) {
    throw new InvalidInputError('--variant is not the name of a variant', { remedy: 'Write e.g. fp16 or q4.' })
  }
  return {
    ...(revision === undefined ? {} : { revision }),
    ...(variant === undefined ? {} : { variant }),
    ...(file === undefined ? {} : { file }),
    ...(pin === undefined ? {} : { pin }),
    check: check === true,
    dryRun: dryRun === true,
  }
}

function parseJobs(text: string): number {
  const jobs = Number(text)
  if (Number.isInteger(jobs) && jobs >= 1 && jobs <= 16) return jobs
  throw new InvalidInputError(`--jobs is '${text}', which is not a number from 1 to 16`, { remedy: 'Give e.g. 4.' })
}
