const single = new Float32Array(1)
const singleBits = new Uint32Array(single.buffer)

/** Rounds to the nearest IEEE half precision value, ties to even; the result is widened again. */
export function roundToFloat16(value: number): number {
  const rounded = Math.fround(value)
  const magnitude = Math.abs(rounded)
  if (!(magnitude < 65_520)) return Number.isNaN(rounded) ? Number.NaN : Math.sign(rounded) * Number.POSITIVE_INFINITY
  // Adding and subtracting 2^52 units of the last place rounds to that place, ties to even.
  const unit = magnitude < 2 ** -14 ? 2 ** -24 : 2 ** (Math.floor(Math.log2(magnitude)) - 10)
  const shift = unit * 2 ** 52
  return Math.sign(rounded) * (magnitude + shift - shift)
}

/** Rounds to the nearest bfloat16 value, ties to even; the result is widened again. */
export function roundToBfloat16(value: number): number {
  single[0] = value
  if (Number.isNaN(single[0])) return Number.NaN
  const bits = singleBits[0] as number
  singleBits[0] = (bits + 0x7fff + ((bits >>> 16) & 1)) & 0xffff_0000
  return single[0] as number
}
