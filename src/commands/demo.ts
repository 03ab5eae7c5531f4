import { Command } from 'commander'
import { InvalidInputError } from '../base/errors.js'
import { withContext } from '../context.js'

/** `crynux demo`: the whole network in one command. */
export const demoCommand = () =>
  new Command('demo')
    .description('Start a network of three nodes on this machine, and have it make one picture')
    // Too many arguments are a prompt without quotes, which is answered below.
    .allowExcessArguments()
    .argument('[prompt]', 'what the picture should show', 'a big red circle on a blue background')
    .option('--out <file>', 'where the picture is written; an existing file is replaced', 'picture.png')
    .option('--keep <folder>', "keep the network's files in this new or empty folder")
    .addHelpText(
      'after',
      `
The small embedded model knows circles, squares, triangles, stars, hearts, rings, crosses and moons, ten colours, big and
small, left, right, top, bottom and center, one or two objects, and plain, striped, checkered or gradient backgrounds.

Examples:
  $ crynux demo "a big red circle on a blue background"
  $ crynux demo "a small yellow star on a night sky" --out star.png --keep ./demo`,
    )
    .action(async (prompt: string, flags: { out: string; keep?: string }, command: Command) => {
      if (command.args.length > 1) {
        throw new InvalidInputError(`the prompt is ${command.args.length} arguments, and must be one`, {
          remedy: 'Quote the prompt.',
        })
      }
      const [{ runDemo }, { readImageArguments }, { createModelStore }, { openStepView }, { DEMO_STEPS, formatDemo }] =
        await Promise.all([
          import('./demo/runDemo.js'),
          import('./options/imageArguments.js'),
          import('../models/modelStore.js'),
          import('../ui/stepView.js'),
          import('../ui/demoView.js'),
        ])
      await withContext(
        command,
        async ({ output, modelRoots, ...context }) => {
          const card = createModelStore({ modelRoots }).modelCard
          const task = await readImageArguments({ prompt }, { readFile: async () => '', card })
          const view = await openStepView({ steps: DEMO_STEPS, json: output.json, now: context.clock.now })
          try {
            const report = await runDemo(context, view, { task, ...flags })
            await view.close()
            output.result('crynux.demo/v1', report, formatDemo)
          } finally {
            await view.close()
          }
        },
        { defaultLogLevel: 'error' },
      )
    })
