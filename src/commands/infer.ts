import { Command } from 'commander'
import { withContext } from '../context.js'
import type { Device } from '../core/devices/device.js'
import { modelsOfTask } from '../core/task/modelsOfTask.js'
import type { InferenceReport } from '../roles/app/inferToFolder.js'
import { createAnswerView } from '../ui/answerView.js'
import { openInferView } from '../ui/inferView.js'
import { encodePreview } from '../ui/preview/encodePreview.js'
import { terminalPreview } from '../ui/preview/terminalPreview.js'
import { printable } from '../ui/printable.js'
import { pullShowing } from './models/openPuller.js'
import { deviceOption } from './options/device.js'
import { addImageArgumentOptions, type ImageArgumentFlags } from './options/imageArguments.js'

/** `crynux infer`: what a node does with a task, without a network. */
export const inferCommand = (): Command =>
  addImageArgumentOptions(new Command('infer'))
    .description('Make the pictures or the answer of a task on this machine, and print the score')
    .option('--out <folder>', 'where 0.png, 1.png … or 0.json are written', '.')
    .option('--no-preview', 'do not show the pictures in the terminal')
    .addOption(deviceOption())
    .option('--pull', 'fetch models that are not on this machine, as `crynux models pull` does')
    .addHelpText(
      'after',
      `
Examples:
  $ crynux infer --prompt "a big red circle on a blue background" --out pictures
  $ crynux infer --message "What is 7 plus 5?" --out answer
  $ crynux infer --arguments task.json --out pictures --model-root ~/models --json
  $ crynux infer --prompt "a cat" --model owner/stable-diffusion-onnx --out pictures --pull
  $ echo '{"base_model": "embedded:tiny-shapes", "prompt": "a small green star"}' | crynux infer --arguments - --out pictures`,
    )
    .action(async (flags: InferFlags, command: Command) => {
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
      await withContext(command, async (context) => {
        const { clock, output, logger, signal, modelRoots, cacheFolder } = context
        const { out, preview, device, pull, ...others } = flags
        const models = createModelStore({
          modelRoots,
          cacheFolder: await context.modelCacheFolder(),
          pull: pull && (await pullShowing(context)),
        })
        const task = await readImageArguments(others, { readFile: readInput, card: models.modelCard })
        await requireDevices([device], { signal })
        // Before the view of the task opens: two cannot be drawn at once.
        if (pull) for (const { id, ...wanted } of modelsOfTask(task)) await models.modelFolder(id, wanted)
        const engine = createInferenceEngine({ modelFolder: models.modelFolder, logger, device, cacheFolder })
        const pictures = task.kind === 'image' ? task.arguments.task_config.num_images : 0
        const view = await openInferView({ json: output.json, pictures, now: clock.now })
        const answers = createAnswerView(output)
        try {
          const files: Uint8Array[] = []
          const report = await inferToFolder(
            {
              engine,
              signal,
              onProgress: (progress) =>
                progress.stage === 'generate' ? answers.show(progress) : view.onProgress(progress),
              onPicture: (png) => files.push(png),
            },
            { task, folder: out },
          )
          await view.done()
          const screen = terminalPreview({ interactive: output.interactive && preview })
          if (task.kind === 'image' && screen.form !== 'none') {
            const { image_width: width, image_height: height } = task.arguments.task_config
            const { shrinkPicture } = await import('../core/shrinkPicture.js')
            for (const png of files) {
              output.piece(await encodePreview({ png, width, height }, { ...screen, shrink: shrinkPicture }))
            }
          }
          output.result('crynux.infer/v1', report, (data) => formatReport(data, answers.shown()))
        } catch (error) {
          await view.fail()
          throw error
        } finally {
          await engine.close()
          await models.close()
        }
      })
    })

type InferFlags = ImageArgumentFlags & { out: string; preview: boolean; device: Device; pull?: true }

const formatReport = (
  { files, score, nsfw, timings, response, environment }: InferenceReport,
  answersShown: boolean,
): string =>
  [
    ...(answersShown ? ['', ''] : (response?.choices.flatMap(({ message }) => [printable(message.content), '']) ?? [])),
    ...files.map(({ path }, index) => (nsfw?.[index] ? `${path} (blacked out by the safety checker)` : path)),
    `score   ${score}`,
    ...(response ? [`tokens  ${response.usage.prompt_tokens} read, ${response.usage.completion_tokens} written`] : []),
    `timings ${Object.entries(timings)
      .map(([stage, ms]) => `${stage} ${Math.round(ms)} ms`)
      .join(', ')}`,
    ...(environment.partlyOnCpu
      ? [`device  ${environment.device}, and the processor for some of ${environment.partlyOnCpu}`]
      : [`device  ${environment.device}`]),
  ].join('\n')
