import { Command } from 'commander'
import { withContext } from '../context.js'
import type { InferenceProgress } from '../core/inference/engine.js'
import type { InferenceReport } from '../roles/app/inferToFolder.js'
import { addImageArgumentOptions, type ImageArgumentFlags } from './options/imageArguments.js'

/** `crynux infer`: what a node does with a task, without a network. */
export const inferCommand = (): Command =>
  addImageArgumentOptions(new Command('infer'))
    .description('Make the pictures of a task on this machine, and print their score')
    .option('--out <folder>', 'where 0.png, 1.png … are written', '.')
    .addHelpText(
      'after',
      `
Examples:
  $ crynux infer --prompt "a big red circle on a blue background" --out pictures
  $ crynux infer --arguments task.json --out pictures --model-root ~/models --json
  $ echo '{"base_model": "embedded:tiny-shapes", "prompt": "a small green star"}' | crynux infer --arguments - --out pictures`,
    )
    .action(async (flags: ImageArgumentFlags & { out: string }, command: Command) => {
      const [
        { createInferenceEngine },
        { createModelStore },
        { readImageArguments },
        { readInput },
        { inferToFolder },
      ] = await Promise.all([
        import('../core/inference/engine.js'),
        import('../models/modelStore.js'),
        import('./options/imageArguments.js'),
        import('./options/readInput.js'),
        import('../roles/app/inferToFolder.js'),
      ])
      await withContext(command, async ({ output, logger, signal, modelRoots }) => {
        const models = createModelStore({ modelRoots })
        const { out, ...others } = flags
        const task = await readImageArguments(others, { readFile: readInput, card: models.modelCard })
        const engine = createInferenceEngine({ modelFolder: models.modelFolder, logger })
        try {
          const report = await inferToFolder(
            { engine, signal, onProgress: noteStages(output.note) },
            { task, folder: out },
          )
          output.result('crynux.infer/v1', report, formatReport)
        } finally {
          await engine.close()
        }
      })
    })

/** One line when a stage begins; steps are not shown, since a picture takes seconds. */
function noteStages(note: (line: string) => void): (progress: InferenceProgress) => void {
  let shown = ''
  return ({ stage, image }) => {
    const line = stage === 'load' || stage === 'encode' ? STAGES[stage] : `picture ${image + 1}: ${STAGES[stage]}`
    if (line !== shown) note(line)
    shown = line
  }
}

const STAGES = {
  load: 'loading the model',
  encode: 'encoding the prompt',
  denoise: 'denoising',
  decode: 'decoding',
} as const

const formatReport = ({ files, score, timings }: InferenceReport): string =>
  [
    ...files.map(({ path }) => path),
    `score   ${score}`,
    `timings ${Object.entries(timings)
      .map(([stage, ms]) => `${stage} ${Math.round(ms)} ms`)
      .join(', ')}`,
  ].join('\n')
