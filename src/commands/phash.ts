import { Command } from 'commander'
import { withContext } from '../context.js'
import type { PictureHash } from '../roles/app/hashPictures.js'

/** `crynux phash`: the hash that nodes agree on, of any picture files. */
export const phashCommand = (): Command =>
  new Command('phash')
    .description('Print the perceptual hash of picture files')
    .argument('<files...>', 'PNG or JPEG files')
    .addHelpText(
      'after',
      `
Examples:
  $ crynux phash pictures/0.png
  $ crynux phash pictures/*.png --json`,
    )
    .action(async (files: string[], _options: unknown, command: Command) => {
      const { hashPictures } = await import('../roles/app/hashPictures.js')
      await withContext(command, async ({ output }) => {
        output.result('crynux.phash/v1', await hashPictures(files), formatHashes)
      })
    })

const formatHashes = (hashes: PictureHash[]): string => hashes.map(({ file, phash }) => `${phash} ${file}`).join('\n')
