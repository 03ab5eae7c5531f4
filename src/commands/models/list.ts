import { Command } from 'commander'
import { withContext } from '../../context.js'

/** `crynux models list` */
export const modelsListCommand = (): Command =>
  new Command('list')
    .description('Show the models on this machine: size, last use, whether one is pinned or in use')
    .addHelpText(
      'after',
      `
Examples:
  $ crynux models list
  $ crynux models list --json --model-cache ~/.cache/huggingface/hub`,
    )
    .action(async (_options: unknown, command: Command) => {
      await withContext(command, async ({ output, modelRoots, modelCacheFolder, modelQuotaBytes }) => {
        const [{ listModels }, { formatModelList }] = await Promise.all([
          import('../../models/listModels.js'),
          import('../../ui/formatModels.js'),
        ])
        const cacheFolder = await modelCacheFolder()
        const list = await listModels({ modelRoots, cacheFolder, quotaBytes: await modelQuotaBytes() })
        output.result('crynux.models-list/v1', list, formatModelList)
      })
    })
