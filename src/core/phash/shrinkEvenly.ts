/** How rows lie in a picture that is resized to `side` samples a row. */
export type RowShape = { width: number; height: number; side: number }

/** Lanes of 16 bits hold the sums below for at most that many samples between two centres. */
const LONGEST_STEP = 16

/**
 * Whether {@link shrinkRgbRowsEvenly} can do it: at 2, 4, 8 or 16 samples a position no weight of the filter is rounded,
 * so that weights fall by the same amount from one sample to the next. 512 and 1024 pixels to 64 are such sizes.
 */
export function shrinksEvenly({ width, side }: RowShape): boolean {
  const step = width / side
  return step >= 2 && step <= LONGEST_STEP && Number.isInteger(Math.log2(step))
}

/**
 * The bilinear filter without a multiplication: nearly all the time of a hash goes by here.
 *
 * Of the `n` samples x₀ … between two centres, the left position gets 2(n − k) − 1 times xₖ, and the right one 2k + 1 times
 * (both without the common factor 128 / n). With s = Σ xₖ, and t the sum of all the partial sums of s, these are 2t − s and
 * 2n·s − (2t − s). Red and blue are added in two lanes of one number; at 16 samples, lanes reach 65 280.
 *
 * @param result gets rows as columns: `side` lines of `height` pixels
 */
export function shrinkRgbRowsEvenly(source: Uint8Array, result: Uint8Array, { width, height, side }: RowShape): void {
  const step = width / side
  const half = step / 2
  // The sum of the weights of a position, 2n², as a shift.
  const shift = 2 * Math.log2(step) + 1
  // What a sample at the edge gives that stands for the `half` samples beyond it, too.
  const edge = (half * (half + 1)) / 2

  const length = width * 3
  // A pixel is read as four bytes, of which the last pixel of all has three.
  const lastRow = new Uint8Array(length + 1)
  lastRow.set(source.subarray((height - 1) * length))
  const rows = new DataView(source.buffer, source.byteOffset, source.byteLength)
  const end = new DataView(lastRow.buffer)

  for (let line = 0; line < height; line++) {
    const isLast = line === height - 1
    const pixels = isLast ? end : rows
    let from = isLast ? 0 : line * length
    let to = line * 3
    const first = pixels.getInt32(from, true)
    let [sum, sums] = [half * (first & 0xff00ff), edge * (first & 0xff00ff)]
    let [greenSum, greenSums] = [half * ((first >> 8) & 0xff), edge * ((first >> 8) & 0xff)]
    let [red, green, blue] = [0, 0, 0]
    for (let position = -1; position < side; position++) {
      const stop = from + (position < 0 || position === side - 1 ? half : step) * 3
      for (; from < stop; from += 3) {
        const pixel = pixels.getInt32(from, true)
        sum = (sum + (pixel & 0xff00ff)) | 0
        sums = (sums + sum) | 0
        greenSum = (greenSum + ((pixel >> 8) & 0xff)) | 0
        greenSums = (greenSums + greenSum) | 0
      }
      if (position === side - 1) {
        const last = pixels.getInt32(from - 3, true)
        sums = (sums + half * sum + edge * (last & 0xff00ff)) | 0
        sum = (sum + half * (last & 0xff00ff)) | 0
        greenSums = greenSums + half * greenSum + edge * ((last >> 8) & 0xff)
        greenSum = greenSum + half * ((last >> 8) & 0xff)
      }
      const redHere = 2 * (sums & 0xffff) - (sum & 0xffff)
      const greenHere = 2 * greenSums - greenSum
      const blueHere = 2 * (sums >>> 16) - (sum >>> 16)
      if (position >= 0) {
        result[to] = (red + redHere) >> shift
        result[to + 1] = (green + greenHere) >> shift
        result[to + 2] = (blue + blueHere) >> shift
        to += height * 3
      }
      // What these samples give to the next position.
      red = 2 * step * (sum & 0xffff) - redHere
      green = 2 * step * greenSum - greenHere
      blue = 2 * step * (sum >>> 16) - blueHere
      sum = 0
      sums = 0
      greenSum = 0
      greenSums = 0
    }
  }
}
