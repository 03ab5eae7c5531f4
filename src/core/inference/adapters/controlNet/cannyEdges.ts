import type { Bitmap } from '../../pillowResize.js'

/** tan 22.5° in 15-bit fixed point. */
const TANGENT_22 = 13_573

/**
 * The edges of an RGB picture: 255 on an edge, else 0, one channel.
 *
 * J. Canny, "A computational approach to edge detection", IEEE PAMI 8(6), 1986, in the form of OpenCV's `Canny` (3 × 3 Sobel, sum of
 * absolute gradients, of the channels the one with the largest gradient): borders repeat the outermost pixels for the gradient, and
 * count as flat when neighbours are compared.
 *
 * @param low edges continue where the gradient is above this
 * @param high edges begin where the gradient is above this
 */
export function cannyEdges({ data, width, height, channels = 3 }: Bitmap, low: number, high: number): Bitmap {
  const [weak, strong] = low <= high ? [low, high] : [high, low]
  const stride = width + 2
  // One more place all around, so that no neighbour needs a test.
  const magnitude = new Int32Array(stride * (height + 2))
  const gradientX = new Int16Array(width * height)
  const gradientY = new Int16Array(width * height)
  for (let y = 0; y < height; y++) {
    const above = Math.max(0, y - 1) * width
    const here = y * width
    const below = Math.min(height - 1, y + 1) * width
    for (let x = 0; x < width; x++) {
      const left = Math.max(0, x - 1)
      const right = Math.min(width - 1, x + 1)
      let largest = -1
      for (let channel = 0; channel < channels; channel++) {
        const value = (row: number, column: number) => data[(row + column) * channels + channel] as number
        const northWest = value(above, left)
        const northEast = value(above, right)
        const southWest = value(below, left)
        const southEast = value(below, right)
        const dx = northEast - northWest + 2 * (value(here, right) - value(here, left)) + southEast - southWest
        const dy = southWest - northWest + 2 * (value(below, x) - value(above, x)) + southEast - northEast
        const norm = Math.abs(dx) + Math.abs(dy)
        if (norm <= largest) continue
        largest = norm
        gradientX[here + x] = dx
        gradientY[here + x] = dy
      }
      magnitude[(y + 1) * stride + x + 1] = largest
    }
  }

  const CANDIDATE = 1
  const EDGE = 2
  const kind = new Uint8Array(magnitude.length)
  const waiting: number[] = []
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (y + 1) * stride + x + 1
      const norm = magnitude[at] as number
      if (norm <= weak) continue
      const [before, after] = acrossEdge(gradientX[y * width + x] as number, gradientY[y * width + x] as number, stride)
      const previous = magnitude[at - before] as number
      const next = magnitude[at + after] as number
      // Along a diagonal both neighbours must be smaller, otherwise only the one before.
      const peak = norm > previous && (Math.abs(after) === 1 || after === stride ? norm >= next : norm > next)
      if (!peak) continue
      kind[at] = norm > strong ? EDGE : CANDIDATE
      if (norm > strong) waiting.push(at)
    }
  }
  const neighbours = [-stride - 1, -stride, -stride + 1, -1, 1, stride - 1, stride, stride + 1]
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const offset of neighbours) {
      if (kind[at + offset] !== CANDIDATE) continue
      kind[at + offset] = EDGE
      waiting.push(at + offset)
    }
  }

  const edges = new Uint8Array(width * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) edges[y * width + x] = kind[(y + 1) * stride + x + 1] === EDGE ? 255 : 0
  }
  return { data: edges, width, height, channels: 1 }
}

/** How far the two neighbours lie that a gradient points at: to the side, up and down, or on a diagonal. */
function acrossEdge(dx: number, dy: number, stride: number): [before: number, after: number] {
  const x = Math.abs(dx)
  const y = Math.abs(dy) * 2 ** 15
  const flat = x * TANGENT_22
  if (y < flat) return [1, 1]
  // tan 67.5° = tan 22.5° + 2
  if (y > flat + x * 2 ** 16) return [stride, stride]
  const side = (dx ^ dy) < 0 ? -1 : 1
  return [stride + side, stride + side]
}
