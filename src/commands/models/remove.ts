import { Command } from 'commander'
import { withContext } from '../../context.js'

/** `crynux models remove` */
export const modelsRemoveCommand = (): Command =>
  new Command('remove')
    .description('Remove models from the cache; not one that a process uses or fetches')
    .argument('<models...>', 'ids, or the names of their folders in the cache')
    .option('--force', 'also a model that a process uses')
    .addHelpText(
      'after',
      `
Examples:
  $ crynux models remove owner/name
  $ crynux models remove models--owner--name --json`,
    )
    .action(async (models: string[], { force }: { force?: true }, command: Command) => {
      await withContext(command, async ({ output, modelCacheFolder }) => {
        const [{ removeModels }, { formatRemoved }] = await Promise.all([
          import('../../models/removeModels.js'),
          import('../../ui/formatModels.js'),
        ])
        const removed = await removeModels(await modelCacheFolder(), models, { force: force === true })
        output.result('crynux.models-remove/v1', { models: removed }, formatRemoved)
      })
    })
