const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]

/** How the pixels of a PNG file are stored. */
export type PngHeader = {
  width: number
  height: number
  bitDepth: number
  colour: 'grey' | 'rgb' | 'palette' | 'greyAlpha' | 'rgbAlpha'
  /** A tRNS chunk names transparent colours. */
  hasTransparency: boolean
}

const COLOURS: Record<number, PngHeader['colour']> = {
  0: 'grey',
  2: 'rgb',
  3: 'palette',
  4: 'greyAlpha',
  6: 'rgbAlpha',
}

/** Whether the bytes begin like a PNG file. */
export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, index) => bytes[index] === byte)
}

/** Reads what comes before the pixels (PNG specification, third edition); undefined where it makes no sense. */
export function readPngHeader(bytes: Uint8Array): PngHeader | undefined {
  if (!isPng(bytes) || bytes.length < 33) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint32(8) !== 13 || chunkName(view, 8) !== 'IHDR') return undefined
  const colour = COLOURS[view.getUint8(25)]
  const [width, height] = [view.getUint32(16), view.getUint32(20)]
  if (colour === undefined || width === 0 || height === 0) return undefined

  let hasTransparency = false
  for (let at = 33; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
    const name = chunkName(view, at)
    if (name === 'IDAT' || name === 'IEND') break
    if (name === 'tRNS') hasTransparency = true
  }
  return { width, height, bitDepth: view.getUint8(24), colour, hasTransparency }
}

function chunkName(view: DataView, at: number): string {
  return String.fromCharCode(...[4, 5, 6, 7].map((offset) => view.getUint8(at + offset)))
}
