import { CrynuxError, EXIT } from '../../../../base/errors.js'
import { isPng, readPngHeader } from '../../../phash/pngHeader.js'
import { InvalidArgumentsError } from '../../../task/arguments.js'
import type { Bitmap } from '../../pillowResize.js'

/** More pixels than any task's picture has, and than most cameras take; checked before a pixel is decoded. */
export const MAXIMUM_PIXELS = 4096 * 4096
const FIELD = 'controlnet.image_dataurl'

/** A decoded control image: RGB or RGBA. */
export type ControlImage = Bitmap & {
  /** A palette or one bit per pixel: the original does not mix the colours of such a picture when it resizes it. */
  indexed: boolean
}

/**
 * Decodes the picture in a data URL. Colour profiles, gamma and orientation are left alone, as in the original; of more than 8 bits per
 * channel the upper 8 count.
 *
 * @throws InvalidArgumentsError when it is not a PNG, JPEG or WebP picture or when it is too large, ControlImageError when the decoder
 * cannot read it
 */
export async function readControlImage(dataUrl: string): Promise<ControlImage> {
  const bytes = decodeBase64(dataUrl)
  const png = isPng(bytes) ? readPngHeader(bytes) : undefined
  // What the bytes are decides, not what the URL says: the decoder knows further formats, some of which read files.
  if (!png && !isJpeg(bytes) && !isWebp(bytes)) throw refuse('holds no PNG, JPEG or WebP picture')
  const { default: sharp } = await import('sharp')
  const options = { limitInputPixels: MAXIMUM_PIXELS, failOn: 'error', ignoreIcc: true } as const
  let space: string | undefined
  let size: { width: number; height: number }
  try {
    const header = png ?? (await sharp(bytes, { ...options, limitInputPixels: false }).metadata())
    size = { width: header.width, height: header.height }
    if ('space' in header) space = header.space
  } catch (cause) {
    throw new ControlImageError(cause)
  }
  if (size.width * size.height > MAXIMUM_PIXELS) {
    throw refuse(`holds a picture of ${size.width} × ${size.height} pixels, must be at most ${MAXIMUM_PIXELS} pixels`)
  }
  if (space === 'cmyk') throw refuse('holds a CMYK picture, must be grey or RGB')
  try {
    const { data, info } = await sharp(bytes, options)
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    const { width, height, channels } = info
    const decoded: Bitmap = channels < 3 ? widen({ data, width, height, channels }) : { data, width, height, channels }
    // The decoder makes alpha from a transparent colour too, which the original keeps apart and ignores.
    const noAlpha = png && (png.colour === 'grey' || png.colour === 'rgb' || png.colour === 'palette')
    const indexed = png !== undefined && (png.colour === 'palette' || (png.colour === 'grey' && png.bitDepth === 1))
    return { ...(noAlpha ? withoutAlpha(decoded) : decoded), indexed }
  } catch (cause) {
    throw new ControlImageError(cause)
  }
}

function decodeBase64(dataUrl: string): Uint8Array {
  const text = dataUrl.slice(dataUrl.indexOf(',') + 1)
  // Buffer skips what is not base64.
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw refuse('is not valid base64')
  return Buffer.from(text, 'base64')
}

const isJpeg = (bytes: Uint8Array): boolean => bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff

const isWebp = (bytes: Uint8Array): boolean =>
  Buffer.from(bytes.subarray(0, 4)).toString('latin1') === 'RIFF' &&
  Buffer.from(bytes.subarray(8, 12)).toString('latin1') === 'WEBP'

/** Grey to RGB, with alpha if it had it. */
function widen({ data, width, height, channels = 3 }: Bitmap): Bitmap {
  const wide = channels + 2
  const result = new Uint8Array(width * height * wide)
  for (let pixel = 0; pixel < width * height; pixel++) {
    result.fill(data[pixel * channels] ?? 0, pixel * wide, pixel * wide + 3)
    if (channels === 2) result[pixel * wide + 3] = data[pixel * channels + 1] ?? 0
  }
  return { data: result, width, height, channels: wide }
}

/** The colours as they are stored, whatever their alpha. */
export function withoutAlpha({ data, width, height, channels = 3 }: Bitmap): Bitmap {
  if (channels === 3) return { data, width, height, channels }
  const result = new Uint8Array(width * height * 3)
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let channel = 0; channel < 3; channel++) result[pixel * 3 + channel] = data[pixel * 4 + channel] ?? 0
  }
  return { data: result, width, height, channels: 3 }
}

const REMEDY = 'Give a complete PNG, JPEG or WebP picture as data:image/png;base64,… of at most 4096 × 4096 pixels.'

const refuse = (complaint: string): InvalidArgumentsError =>
  new InvalidArgumentsError(`field ${FIELD} ${complaint}`, { remedy: REMEDY, details: { field: FIELD } })

/**
 * The decoder cannot read a picture. Not an InvalidArgumentsError: decoders say the same of a damaged picture and of too little memory,
 * and a node that votes for invalid arguments where others have a result is slashed.
 */
export class ControlImageError extends CrynuxError {
  override readonly code = 'CRYNUX_CONTROL_IMAGE'
  override readonly exitCode = EXIT.usage

  constructor(cause: unknown) {
    super(`field ${FIELD} holds a damaged picture, or there is too little memory for it`, {
      remedy: REMEDY,
      details: { field: FIELD },
      cause,
    })
  }
}
