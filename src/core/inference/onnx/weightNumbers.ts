import { float16ToFloat32 } from '../float16.js'

/** Storage types of weights that can be changed. */
export type FloatType = 'float32' | 'float16' | 'bfloat16'

export const FLOAT_BYTES: Readonly<Record<FloatType, number>> = { float32: 4, float16: 2, bfloat16: 2 }

/** Stored weights as float32, exactly. `bytes` must begin at a multiple of 4. */
export function decodeWeights(bytes: Uint8Array<ArrayBuffer>, type: FloatType): Float32Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = bytes
  if (type === 'float32') return new Float32Array(buffer, byteOffset, byteLength / 4)
  const words = new Uint16Array(buffer, byteOffset, byteLength / 2)
  if (type === 'bfloat16') {
    const wide = new Uint32Array(words.length)
    for (let index = 0; index < words.length; index++) wide[index] = (words[index] as number) << 16
    return new Float32Array(wide.buffer)
  }
  return float16ToFloat32(words)
}

/** float32 weights as they are stored, rounded to nearest even. */
export function encodeWeights(values: Float32Array<ArrayBuffer>, type: FloatType): Uint8Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  if (type === 'float32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  const words = new Uint16Array(values.length)
  if (type === 'bfloat16') {
    for (let index = 0; index < bits.length; index++) {
      const word = bits[index] as number
      const isNan = (word & 0x7fffffff) > 0x7f800000
      words[index] = isNan ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16
    }
  } else {
    for (let index = 0; index < bits.length; index++) words[index] = toHalf(bits[index] as number)
  }
  return new Uint8Array(words.buffer)
}

/** The bits of a float32 → the bits of the nearest half, ties to even. */
function toHalf(word: number): number {
  const sign = (word >>> 16) & 0x8000
  const magnitude = word & 0x7fffffff
  if (magnitude >= 0x47800000) return sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00)
  if (magnitude >= 0x38800000) {
    // Normal: the exponent is rebased and 13 bits are rounded away; a carry runs into the exponent, up to infinity, as it should.
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13)
  }
  if (magnitude < 0x33000000) return sign
  const shift = 126 - (magnitude >>> 23)
  const fraction = (magnitude & 0x7fffff) | 0x800000
  const half = fraction >>> shift
  const rest = fraction & ((1 << shift) - 1)
  const tie = 1 << (shift - 1)
  return sign | (rest > tie || (rest === tie && half & 1) ? half + 1 : half)
}
