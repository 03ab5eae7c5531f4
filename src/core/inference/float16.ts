const single = new Float32Array(1)
const bits = new Uint32Array(single.buffer)

let table: Float32Array | undefined

/** IEEE 754 half precision → float32, exactly. */
export function float16ToFloat32(halves: Uint16Array): Float32Array<ArrayBuffer> {
  // Models have hundreds of millions of halves, of which 65,536 differ.
  table ??= Float32Array.from({ length: 65536 }, (_, half) => widened(half))
  const values = new Float32Array(halves.length)
  for (let index = 0; index < halves.length; index++) values[index] = table[halves[index] as number] as number
  return values
}

function widened(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** float32 → IEEE 754 half precision, rounded to nearest even. */
export function float32ToFloat16(values: ArrayLike<number>): Uint16Array {
  return Uint16Array.from({ length: values.length }, (_, index) => toHalf(values[index] ?? 0))
}

function toHalf(value: number): number {
  single[0] = value
  const word = bits[0] ?? 0
  const sign = (word >>> 16) & 0x8000
  const magnitude = Math.abs(single[0] ?? 0)
  if (Number.isNaN(magnitude)) return sign | 0x7e00
  if (magnitude >= 65520) return sign | 0x7c00
  if (magnitude < 2 ** -14) return sign | roundToEven(magnitude * 2 ** 24)
  const exponent = ((word >>> 23) & 0xff) - 127
  // A fraction that rounds up to 1024 carries into the exponent, as it should.
  return sign | (((exponent + 15) << 10) + roundToEven((magnitude / 2 ** exponent - 1) * 1024))
}

function roundToEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}
