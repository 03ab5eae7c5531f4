/** Columns that the kernel computes at once: four vectors of four floats. */
export const TILE = 16
const TILE_BYTES = TILE * 4
const VECTORS = [0, 1, 2, 3] as const

/**
 * `run` does `weights += scale · left × right` in WebAssembly's 128-bit vectors, about ten times as fast as JavaScript. Its operations are exactly
 * rounded and never fused, so the bits are those of the same additions one by one in order of the rank.
 *
 * Its arguments: byte offsets of left [rows][rank], right [tiles][rank][16] and weights [rows][stride / 4]; rank; tiles; rows; stride in
 * bytes; scale.
 */
export type LowRankKernel = {
  /** The kernel's memory, with room for at least this many floats; what was in it before stays. Good until the next call. */
  floats(count: number): Float32Array
  run(
    left: number,
    right: number,
    weights: number,
    rank: number,
    tiles: number,
    rows: number,
    stride: number,
    scale: number,
  ): void
}

const PAGE_BYTES = 1 << 16

/** Compiles the kernel. Instruction codes: https://webassembly.github.io/spec/core/appendix/index-instructions.html */
export function createLowRankKernel(): LowRankKernel {
  const memory = new WebAssembly.Memory({ initial: 1 })
  const module = new WebAssembly.Module(
    Uint8Array.from([
      ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
      ...section(1, [1, 0x60, 8, I32, I32, I32, I32, I32, I32, I32, F32, 0]),
      // import "e" "m": a memory of at least one page
      ...section(2, [1, 1, 0x65, 1, 0x6d, 2, 0, 1]),
      ...section(3, [1, 0]),
      // export "k"
      ...section(7, [1, 1, 0x6b, 0, 0]),
      ...section(10, [1, ...sized([2, 5, I32, 4, V128, ...BODY, END])]),
    ]),
  )
  const { k: run } = new WebAssembly.Instance(module, { e: { m: memory } }).exports
  return {
    floats(count) {
      const missing = Math.ceil((count * 4 - memory.buffer.byteLength) / PAGE_BYTES)
      if (missing > 0) memory.grow(missing)
      return new Float32Array(memory.buffer)
    },
    run: run as LowRankKernel['run'],
  }
}

/** What is used of the global, which has no types without those of a browser. */
declare const WebAssembly: {
  Memory: new (limits: { initial: number }) => WasmMemory
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object, imports: { e: { m: WasmMemory } }) => { exports: Record<string, unknown> }
}
type WasmMemory = { buffer: ArrayBuffer; grow(pages: number): number }

const I32 = 0x7f
const F32 = 0x7d
const V128 = 0x7b
const END = 0x0b
const ADD = 0x6a
const MULTIPLY = 0x6c
const SUBTRACT = 0x6b

const [LEFT, RIGHT, WEIGHTS, RANK, TILES, ROWS, STRIDE, SCALE] = [0, 1, 2, 3, 4, 5, 6, 7] as const
const [ROW, LEFT_AT, RIGHT_AT, LEFT_OVER, WEIGHT_AT] = [8, 9, 10, 11, 12] as const
const SUM = [13, 14, 15, 16] as const

const get = (local: number): number[] => [0x20, local]
const set = (local: number): number[] => [0x21, local]
const constant = (value: number): number[] => [0x41, ...signed(value)]
const increase = (local: number, by: number[]): number[] => [...get(local), ...by, ADD, ...set(local)]
const vector = (code: number): number[] => [0xfd, ...unsigned(code)]
const load = (vectorIndex: number): number[] => [...vector(0), 2, vectorIndex * 16]
const store = (vectorIndex: number): number[] => [...vector(11), 2, vectorIndex * 16]
const ZERO = [...vector(12), ...new Array<number>(16).fill(0)]
const ADD_VECTORS = vector(0xe4)
const MULTIPLY_VECTORS = vector(0xe6)
const SPLAT = vector(19)
const LOAD_AND_SPLAT = [...vector(9), 2, 0]
/** Repeats the body while the counter, lowered each time, is not 0. */
const repeatWhile = (counter: number, body: number[]): number[] => [
  ...[0x03, 0x40],
  ...body,
  ...[...get(counter), ...constant(1), SUBTRACT, 0x22, counter, 0x0d, 0],
  END,
]

const RANK_LOOP = repeatWhile(LEFT_OVER, [
  ...VECTORS.flatMap((index) => [
    ...[...get(SUM[index]), ...get(LEFT_AT), ...LOAD_AND_SPLAT, ...get(RIGHT_AT), ...load(index)],
    ...[...MULTIPLY_VECTORS, ...ADD_VECTORS, ...set(SUM[index])],
  ]),
  ...increase(LEFT_AT, constant(4)),
  ...increase(RIGHT_AT, constant(TILE_BYTES)),
])

const ROW_LOOP = repeatWhile(ROW, [
  ...VECTORS.flatMap((index) => [...ZERO, ...set(SUM[index])]),
  ...[...get(RIGHT), ...set(RIGHT_AT), ...get(RANK), ...set(LEFT_OVER)],
  ...RANK_LOOP,
  ...VECTORS.flatMap((index) => [
    ...[...get(WEIGHT_AT), ...get(WEIGHT_AT), ...load(index), ...get(SCALE), ...SPLAT, ...get(SUM[index])],
    ...[...MULTIPLY_VECTORS, ...ADD_VECTORS, ...store(index)],
  ]),
  ...increase(WEIGHT_AT, get(STRIDE)),
])

const BODY = repeatWhile(TILES, [
  ...[...get(ROWS), ...set(ROW), ...get(LEFT), ...set(LEFT_AT), ...get(WEIGHTS), ...set(WEIGHT_AT)],
  ...ROW_LOOP,
  ...increase(WEIGHTS, constant(TILE_BYTES)),
  ...increase(RIGHT, [...get(RANK), ...constant(TILE_BYTES), MULTIPLY]),
])

function section(id: number, content: number[]): number[] {
  return [id, ...sized(content)]
}

function sized(content: number[]): number[] {
  return [...unsigned(content.length), ...content]
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)]
}

function signed(value: number): number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signed(value >>> 7)]
}
