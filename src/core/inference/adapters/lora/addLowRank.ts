import { createLowRankKernel, type LowRankKernel, TILE } from './lowRankKernel.js'

/** The two factors of a LoRA layer: `up` is [out, rank], `down` is [rank, in], for convolutions with height and width in `in`. */
export type LowRank = { up: Float32Array; down: Float32Array; rank: number; rows: number; columns: number }

/** Weights that are in the kernel's memory at once. */
const CHUNK_BYTES = 8 << 20

let kernel: LowRankKernel | undefined

/**
 * weights += factor · up × down, in place.
 *
 * In float32, each operation rounded: an element's products are added in the order of the rank, beginning at 0, the sum is multiplied
 * by the factor and then added to the weight. Without fused operations and independent of the layout, so that every machine gets the
 * same bits. The order of the two last steps is that of peft (`get_delta_weight`).
 *
 * @param weights [out, in], or [in, out] when `transposed`.
 */
export function addLowRank(
  weights: Float32Array,
  { up, down, rank, rows, columns }: LowRank,
  factor: number,
  transposed: boolean,
): void {
  const width = transposed ? rows : columns
  const height = transposed ? columns : rows
  const tiles = Math.ceil(width / TILE)
  const padded = tiles * TILE
  const rowsAtOnce = Math.min(height, Math.max(1, Math.floor(CHUNK_BYTES / (padded * 4))))
  const rightAt = rowsAtOnce * padded
  const leftAt = rightAt + rank * padded
  kernel ??= createLowRankKernel()
  const floats = kernel.floats(leftAt + rowsAtOnce * rank)

  pack(floats.subarray(rightAt, leftAt), { values: transposed ? up : down, rank, width, transposed })
  for (let row = 0; row < height; row += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, height - row)
    fillLeft(floats.subarray(leftAt), { values: transposed ? down : up, rank, row, count, transposed, columns })
    const chunk = weights.subarray(row * width, (row + count) * width)
    if (padded === width) floats.set(chunk)
    else for (let at = 0; at < count; at++) floats.set(chunk.subarray(at * width, (at + 1) * width), at * padded)
    kernel.run(leftAt * 4, rightAt * 4, 0, rank, tiles, count, padded * 4, factor)
    if (padded === width) chunk.set(floats.subarray(0, chunk.length))
    else for (let at = 0; at < count; at++) chunk.set(floats.subarray(at * padded, at * padded + width), at * width)
  }
}

/** The right factor in tiles of columns: [tiles][rank][16]; what is beyond the last column is computed and thrown away. */
function pack(
  target: Float32Array,
  { values, rank, width, transposed }: { values: Float32Array; rank: number; width: number; transposed: boolean },
): void {
  for (let at = 0; at < rank; at++) {
    for (let column = 0; column < width; column++) {
      const tile = Math.floor(column / TILE)
      target[(tile * rank + at) * TILE + (column % TILE)] = values[
        transposed ? column * rank + at : at * width + column
      ] as number
    }
  }
}

/** Rows of the left factor: those of `up` as they are, or columns of `down`. */
function fillLeft(
  target: Float32Array,
  options: {
    values: Float32Array
    rank: number
    row: number
    count: number
    transposed: boolean
    columns: number
  },
): void {
  const { values, rank, row, count, transposed, columns } = options
  if (!transposed) {
    target.set(values.subarray(row * rank, (row + count) * rank))
    return
  }
  for (let at = 0; at < rank; at++) {
    for (let index = 0; index < count; index++) {
      target[index * rank + at] = values[at * columns + row + index] as number
    }
  }
}
