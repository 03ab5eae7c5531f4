/** 8-bit RGB in rows from the top. */
export type Pixels = { data: Uint8Array; width: number; height: number }

/**
 * Pixels as characters `▀` whose colour is the upper one of two pixels, on a background of the lower one.
 *
 * @param pixels of even height
 * @param colours 24: exact; 8: the nearest of the 216 colours that every 256-colour terminal has
 */
export function encodeHalfBlocks({ data, width, height }: Pixels, { colours }: { colours: 24 | 8 }): string {
  const colourAt = (x: number, y: number) => {
    const at = (y * width + x) * 3
    const [red = 0, green = 0, blue = 0] = data.subarray(at, at + 3)
    return colours === 24 ? `2;${red};${green};${blue}` : `5;${16 + 36 * level(red) + 6 * level(green) + level(blue)}`
  }
  let text = ''
  for (let y = 0; y < height; y += 2) {
    let last = ''
    for (let x = 0; x < width; x++) {
      const colour = `\u001b[38;${colourAt(x, y)};48;${colourAt(x, y + 1)}m`
      text += colour === last ? '▀' : `${colour}▀`
      last = colour
    }
    text += '\u001b[0m\n'
  }
  return text
}

/** The steps of the colour cube are 0, 95, 135, 175, 215, 255. */
const level = (value: number): number => (value < 48 ? 0 : value < 115 ? 1 : Math.floor((value - 35) / 40))
