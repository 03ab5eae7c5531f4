import { lowFrequencies } from './discreteCosine.js'

/**
 * The 64 bits that say which low frequencies of a picture are above their median.
 *
 * @param luminance 64 × 64 values in rows; overwritten
 * @returns 8 bytes; the first bit is the constant term, then row by row
 */
export function hashOfLuminance(luminance: Float64Array): Uint8Array {
  const coefficients = lowFrequencies(luminance)
  const sorted = coefficients.slice().sort()
  const median = (sorted[31] as number) / 2 + (sorted[32] as number) / 2
  const hash = new Uint8Array(8)
  for (const [index, coefficient] of coefficients.entries()) {
    if (coefficient > median) hash[index >> 3] = (hash[index >> 3] as number) | (0x80 >> (index & 7))
  }
  return hash
}
