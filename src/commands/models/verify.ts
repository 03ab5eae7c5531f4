import { Command } from 'commander'
import { withContext } from '../../context.js'

/** `crynux models verify` */
export const modelsVerifyCommand = (): Command =>
  new Command('verify')
    .description('Hash the files of cached models again; exit status 12 and their names when some are damaged')
    .argument('[models...]', 'ids, or the names of their folders in the cache (default: all)')
    .addHelpText(
      'after',
      `
\`crynux models pull <model> --check\` fetches damaged files again.

Examples:
  $ crynux models verify
  $ crynux models verify owner/name --json`,
    )
    .action(async (models: string[], _options: unknown, command: Command) => {
      await withContext(command, async ({ output, signal, modelCacheFolder }) => {
        const [{ verifyModels, requireSound }, { formatVerified }] = await Promise.all([
          import('../../models/verifyModels.js'),
          import('../../ui/formatModels.js'),
        ])
        const verified = await verifyModels(await modelCacheFolder(), models, {
          signal,
          onModel: (model) => output.note(`checking ${model}`),
        })
        output.result('crynux.models-verify/v1', { models: verified }, formatVerified)
        requireSound(verified)
      })
    })
