import sharp from 'sharp'

export type Colour = 'red' | 'blue' | 'green' | 'yellow'

/** Which pixels of a picture have a colour, as shares of the whole picture, its middle third and its border. */
export type PictureStatistics = {
  width: number
  height: number
  share(colour: Colour): { all: number; middle: number; border: number }
}

/** Reads a picture file and counts its pixels by colour. */
export async function pictureStatistics(path: string): Promise<PictureStatistics> {
  const { data, info } = await sharp(path).removeAlpha().raw().toBuffer({ resolveWithObject: true })
  const { width, height } = info
  const isMiddle = (x: number, y: number) =>
    x > width / 3 && x < (2 * width) / 3 && y > height / 3 && y < (2 * height) / 3
  const isBorder = (x: number, y: number) => x < 6 || y < 6 || x >= width - 6 || y >= height - 6
  return {
    width,
    height,
    share: (colour) => {
      const counts = { all: [0, 0], middle: [0, 0], border: [0, 0] }
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const at = (y * width + x) * 3
          const hit = IS[colour](data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0) ? 1 : 0
          const areas = [
            counts.all,
            ...(isMiddle(x, y) ? [counts.middle] : []),
            ...(isBorder(x, y) ? [counts.border] : []),
          ]
          for (const area of areas) {
            area[0] = (area[0] ?? 0) + hit
            area[1] = (area[1] ?? 0) + 1
          }
        }
      }
      const shareOf = ([hits = 0, pixels = 1]: number[]) => hits / pixels
      return { all: shareOf(counts.all), middle: shareOf(counts.middle), border: shareOf(counts.border) }
    },
  }
}

const IS: Record<Colour, (r: number, g: number, b: number) => boolean> = {
  red: (r, g, b) => r > 130 && g < 100 && b < 100,
  blue: (r, _g, b) => b > 110 && r < 110 && b > r + 40,
  green: (r, g, b) => g > 100 && r < 110 && b < 110,
  yellow: (r, g, b) => r > 150 && g > 150 && b < 110,
}
