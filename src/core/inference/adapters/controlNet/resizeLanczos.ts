import { type Bitmap, LANCZOS, pillowResize } from '../../pillowResize.js'
import { type ControlImage, withoutAlpha } from './readControlImage.js'

/**
 * Resizes a picture to RGB of this size as the original does with Pillow: Lanczos, with the colours multiplied by their alpha meanwhile;
 * the alpha itself is then dropped. Pictures with a palette keep their colours: the nearest pixel.
 *
 * Follows `Image.resize` and src/libImaging/{Convert,Geometry}.c of Pillow.
 */
export function resizeLanczos(image: ControlImage, width: number, height: number): Bitmap {
  if (image.width === width && image.height === height) return withoutAlpha(image)
  if (image.indexed) return nearest(image, width, height)
  const source = image.channels === 4 ? multiplied(image) : image
  const resized = pillowResize(source, width, height, LANCZOS)
  return withoutAlpha(image.channels === 4 ? divided(resized) : resized)
}

/** Colours times alpha, rounded as Pillow's RGBA → RGBa. */
function multiplied(image: Bitmap): Bitmap {
  const data = image.data.slice()
  for (let at = 0; at < data.length; at += 4) {
    const alpha = data[at + 3] as number
    for (let channel = at; channel < at + 3; channel++) {
      const product = (data[channel] as number) * alpha + 128
      data[channel] = ((product >> 8) + product) >> 8
    }
  }
  return { ...image, data }
}

/** Back again: Pillow's RGBa → RGBA. */
function divided(image: Bitmap): Bitmap {
  const data = image.data.slice()
  for (let at = 0; at < data.length; at += 4) {
    const alpha = data[at + 3] as number
    if (alpha === 0 || alpha === 255) continue
    for (let channel = at; channel < at + 3; channel++) {
      data[channel] = Math.min(255, Math.trunc((255 * (data[channel] as number)) / alpha))
    }
  }
  return { ...image, data }
}

function nearest({ data, width, height, channels = 3 }: Bitmap, toWidth: number, toHeight: number): Bitmap {
  const columns = nearestPlaces(width, toWidth)
  const rows = nearestPlaces(height, toHeight)
  const result = new Uint8Array(toWidth * toHeight * 3)
  let at = 0
  for (const row of rows) {
    for (const column of columns) {
      const from = (row * width + column) * channels
      for (let channel = 0; channel < 3; channel++) result[at++] = data[from + channel] as number
    }
  }
  return { data: result, width: toWidth, height: toHeight, channels: 3 }
}

/** The places are added up step by step, as in Pillow's Geometry.c. */
function nearestPlaces(from: number, to: number): number[] {
  const scale = from / to
  const places: number[] = []
  let place = scale * 0.5
  for (let index = 0; index < to; index++) {
    places.push(Math.min(from - 1, Math.floor(place)))
    place += scale
  }
  return places
}
