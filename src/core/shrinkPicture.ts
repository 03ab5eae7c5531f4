import sharp from 'sharp'

/** A picture file as 8-bit RGB of exactly this size. */
export async function shrinkPicture(
  file: Uint8Array,
  { width, height }: { width: number; height: number },
): Promise<{ data: Uint8Array; width: number; height: number }> {
  const { data, info } = await sharp(file)
    .resize(width, height, { fit: 'fill' })
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { data, width: info.width, height: info.height }
}
