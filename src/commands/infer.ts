import { Command } from 'commander'
import { withContext } from '../context.js'
import type { Device } from '../core/devices/device.js'
import type { InferenceProgress } from '../core/inference/engine.js'
import type { InferenceReport } from '../roles/app/inferToFolder.js'
import type { Output } from '../ui/output.js'
import { deviceOption } from './options/device.js'
import { addImageArgumentOptions, type ImageArgumentFlags } from './options/imageArguments.js'

/** `crynux infer`: what a node does with a task, without a network. */
export const inferCommand = (): Command =>
  addImageArgumentOptions(new Command('infer'))
    .description('Make the pictures or the answer of a task on this machine, and print the score')
    .option('--out <folder>', 'where 0.png, 1.png … or 0.json are written', '.')
    .addOption(deviceOption())
    .addHelpText(
      'after',
      `
Examples:
  $ crynux infer --prompt "a big red circle on a blue background" --out pictures
  $ crynux infer --message "What is 7 plus 5?" --out answer
  $ crynux infer --arguments task.json --out pictures --model-root ~/models --json
  $ echo '{"base_model": "embedded:tiny-shapes", "prompt": "a small green star"}' | crynux infer --arguments - --out pictures`,
    )
    .action(async (flags: ImageArgumentFlags & { out: string; device: Device }, command: Command) => {
      const [
        { requireDevices },
        { createInferenceEngine },
        { createModelStore },
        { readImageArguments },
        { readInput },
        { inferToFolder },
      ] = await Promise.all([
        import('../core/devices/probeDevice.js'),
        import('../core/inference/engine.js'),
        import('../models/modelStore.js'),
        import('./options/imageArguments.js'),
        import('./options/readInput.js'),
        import('../roles/app/inferToFolder.js'),
      ])
      await withContext(command, async ({ output, logger, signal, modelRoots, cacheFolder }) => {
        const models = createModelStore({ modelRoots })
        const { out, device, ...others } = flags
        const task = await readImageArguments(others, { readFile: readInput, card: models.modelCard })
        await requireDevices([device], { signal })
        const engine = createInferenceEngine({ modelFolder: models.modelFolder, logger, device, cacheFolder })
        try {
          const view = createProgressView(output)
          const report = await inferToFolder({ engine, signal, onProgress: view.onProgress }, { task, folder: out })
          output.result('crynux.infer/v1', report, (data) => formatReport(data, view.answersShown()))
        } finally {
          await engine.close()
        }
      })
    })

/**
 * One line when a stage begins; steps are not shown, since a picture takes seconds. On a terminal the text of an answer is shown while
 * it comes.
 */
function createProgressView({ note, piece, interactive }: Pick<Output, 'note' | 'piece' | 'interactive'>) {
  let line = ''
  /** The answer whose text stands on the terminal. */
  let shown: number | undefined
  return {
    answersShown: () => shown !== undefined,
    onProgress(progress: InferenceProgress): void {
      if (progress.stage === 'generate') {
        if (!interactive || progress.text === '') return
        if (shown !== undefined && progress.answer !== shown) piece('\n\n')
        shown = progress.answer
        piece(printable(progress.text))
        return
      }
      const { stage, image } = progress
      const next = stage === 'load' || stage === 'encode' ? STAGES[stage] : `picture ${image + 1}: ${STAGES[stage]}`
      if (next !== line) note(next)
      line = next
    },
  }
}

/** What a model writes must not move the cursor or change the terminal. */
const printable = (text: string): string => text.replaceAll(/(?![\n\t])\p{Cc}/gu, '\ufffd')

const STAGES = {
  load: 'loading the model',
  encode: 'encoding the prompt',
  denoise: 'denoising',
  decode: 'decoding',
} as const

const formatReport = (
  { files, score, timings, response, environment }: InferenceReport,
  answersShown: boolean,
): string =>
  [
    ...(answersShown ? ['', ''] : (response?.choices.flatMap(({ message }) => [printable(message.content), '']) ?? [])),
    ...files.map(({ path }) => path),
    `score   ${score}`,
    ...(response ? [`tokens  ${response.usage.prompt_tokens} read, ${response.usage.completion_tokens} written`] : []),
    `timings ${Object.entries(timings)
      .map(([stage, ms]) => `${stage} ${Math.round(ms)} ms`)
      .join(', ')}`,
    ...(environment.partlyOnCpu
      ? [`device  ${environment.device}, and the processor for some of ${environment.partlyOnCpu}`]
      : [`device  ${environment.device}`]),
  ].join('\n')
