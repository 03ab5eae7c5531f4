import { encodeHalfBlocks, type Pixels } from './encodeHalfBlocks.js'
import { encodeIterm2 } from './encodeIterm2.js'
import { encodeKitty } from './encodeKitty.js'
import type { PreviewForm } from './previewForm.js'
import { previewSize } from './previewSize.js'

export type PreviewOptions = {
  form: PreviewForm
  screen: { columns: number; rows: number }
  /** Decodes a PNG to exactly this size. */
  shrink(png: Uint8Array, size: { width: number; height: number }): Promise<Pixels>
}

/** What is written to the terminal to show a PNG file of this size; nothing for the form `none`. */
export async function encodePreview(
  picture: { png: Uint8Array; width: number; height: number },
  { form, screen, shrink }: PreviewOptions,
): Promise<string> {
  if (form === 'none') return ''
  const size = previewSize(picture, screen)
  if (form === 'kitty') return encodeKitty(picture.png, { columns: size.width })
  if (form === 'iterm2') return encodeIterm2(picture.png, { columns: size.width })
  return encodeHalfBlocks(await shrink(picture.png, size), { colours: form === 'blocks' ? 24 : 8 })
}
