import sharp from 'sharp'
import type { RawPicture } from './pipelines/imagePipeline.js'

/** Encodes a picture as a plain PNG: 8-bit RGB, no palette, no metadata. */
export async function encodePng({ data, width, height }: RawPicture): Promise<Uint8Array> {
  const png = await sharp(data, { raw: { width, height, channels: 3 } })
    .png({ palette: false, compressionLevel: 6 })
    .toBuffer()
  return new Uint8Array(png.buffer, png.byteOffset, png.byteLength)
}
