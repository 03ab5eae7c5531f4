import sharp from 'sharp'
import { InvalidInputError } from '../../base/errors.js'
import { TRANSFORM_SIDE } from './discreteCosine.js'
import { hashOfLuminance } from './hashOfLuminance.js'
import { luminanceOf8Bit, luminanceOf16Bit } from './luminance.js'
import { isPng, type PngHeader, readPngHeader } from './pngHeader.js'
import { type Raster, resizeBilinear } from './resizeBilinear.js'

export type PictureLimits = {
  /** Pictures with more pixels are refused before a pixel is decoded. */
  maxPixels?: number
}

const DEFAULT_MAX_PIXELS = 4096 * 4096

/**
 * The perceptual hash of a picture file, as the Go original gives it for that very file.
 *
 * How a PNG file stores its colours decides how precisely it is resized, so all kinds are told apart: grey, RGB, with
 * alpha, palette, 8 or 16 bits. JPEG is hashed as RGB, where the original works on its luminance and chrominance
 * planes: a few bits may differ there.
 *
 * @param bytes the whole file: PNG or JPEG. It may come from a stranger: its header is checked first.
 * @returns 8 bytes, most significant first
 * @throws InvalidInputError for another kind of file, a broken one, or one that is too large
 */
export async function perceptualHashOfFile(
  bytes: Uint8Array,
  { maxPixels = DEFAULT_MAX_PIXELS }: PictureLimits = {},
): Promise<Uint8Array> {
  const header = isPng(bytes) ? readPngHeader(bytes) : undefined
  if (header && header.width * header.height > maxPixels) throw tooLarge(header.width, header.height, maxPixels)
  if (header) return hashOfLuminance(pngLuminance(await decode(bytes, header.bitDepth, maxPixels), header))

  if (!isJpeg(bytes)) throw unreadable('neither a PNG nor a JPEG file')
  const { width, height } = await jpegSize(bytes)
  if (width * height > maxPixels) throw tooLarge(width, height, maxPixels)
  return hashOfLuminance(luminanceOf8Bit(resizeBilinear(await decode(bytes, 8, maxPixels), TRANSFORM_SIDE)))
}

/** Chooses the path that the Go image type has: see image/png and nfnt/resize. */
function pngLuminance(decoded: Raster, { bitDepth, colour, hasTransparency }: PngHeader): Float64Array {
  const alpha = colour === 'greyAlpha' || colour === 'rgbAlpha' || hasTransparency
  const square = decoded.width === TRANSFORM_SIDE && decoded.height === TRANSFORM_SIDE
  if (colour === 'palette' || (square && alpha)) {
    return luminanceOf16Bit(resizeBilinear(withoutAlpha(widened(decoded)), TRANSFORM_SIDE))
  }
  const resized = resizeBilinear(
    withoutAlpha(colour === 'grey' && !alpha ? firstChannel(decoded) : decoded),
    TRANSFORM_SIDE,
  )
  return bitDepth === 16 ? luminanceOf16Bit(resized) : luminanceOf8Bit(resized)
}

/** 8-bit samples as 16-bit ones, 255 becoming 65535; alpha stays in the unit of the other samples. */
function widened(raster: Raster): Raster {
  if (raster.data instanceof Uint16Array) return raster
  return { ...raster, data: Uint16Array.from(raster.data, (value) => value * 257) }
}

/** Multiplies colours by their alpha, rounding down, and drops it. */
function withoutAlpha({ data, width, height, channels }: Raster): Raster {
  if (channels === 1 || channels === 3) return { data, width, height, channels }
  const pixels = width * height
  const colours = channels - 1
  const opaque = data instanceof Uint8Array ? 255 : 65_535
  const result = data instanceof Uint8Array ? new Uint8Array(pixels * colours) : new Uint16Array(pixels * colours)
  for (let pixel = 0; pixel < pixels; pixel++) {
    const alpha = data[pixel * channels + colours] as number
    for (let colour = 0; colour < colours; colour++) {
      result[pixel * colours + colour] = Math.floor(((data[pixel * channels + colour] as number) * alpha) / opaque)
    }
  }
  return { data: result, width, height, channels: colours }
}

function firstChannel({ data, width, height, channels }: Raster): Raster {
  return { data: data.filter((_, index) => index % channels === 0), width, height, channels: 1 }
}

/** Decodes to grey or RGB with or without alpha; colour profiles and gamma are left alone, as in Go. */
async function decode(bytes: Uint8Array, bitDepth: number, maxPixels: number): Promise<Raster> {
  const deep = bitDepth === 16
  try {
    const { data, info } = await sharp(bytes, { limitInputPixels: maxPixels, failOn: 'warning', ignoreIcc: true })
      .toColourspace(deep ? 'rgb16' : 'srgb')
      .raw({ depth: deep ? 'ushort' : 'uchar' })
      .toBuffer({ resolveWithObject: true })
    const { width, height, channels } = info
    if (!deep) return { data, width, height, channels }
    // A copy, because a buffer need not begin at an even address.
    return { data: new Uint16Array(Uint8Array.from(data).buffer), width, height, channels }
  } catch (cause) {
    throw unreadable('broken', cause)
  }
}

function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff
}

/** Reads the header only. */
async function jpegSize(bytes: Uint8Array): Promise<{ width: number; height: number }> {
  try {
    return await sharp(bytes, { limitInputPixels: false }).metadata()
  } catch (cause) {
    throw unreadable('broken', cause)
  }
}

function unreadable(what: string, cause?: unknown): InvalidInputError {
  return new InvalidInputError(`The picture is ${what}`, { remedy: 'Give a complete PNG or JPEG file.', cause })
}

function tooLarge(width: number, height: number, maxPixels: number): InvalidInputError {
  return new InvalidInputError(`The picture has ${width} × ${height} pixels, more than ${maxPixels}`, {
    remedy: 'Give a smaller picture.',
    details: { width, height, maxPixels },
  })
}
