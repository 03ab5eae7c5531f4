/*
 * The Box–Muller kernel of PyTorch's CPU generator, one value at a time.
 *
 * PyTorch computes normals of 16 and more values with an AVX2 kernel whose logarithm and sine/cosine are the single
 * precision Cephes approximations (S. Moshier, Cephes Math Library; vectorised by J. Pommier and G. Garberoglio as
 * avx_mathfun), and whose multiplications and additions the compiler has contracted into fused multiply-adds. To agree
 * on every bit, each operation below rounds to float32 exactly where that kernel does.
 */

/**
 * Turns blocks of 16 uniforms into 16 standard normals, in place: positions j and j + 8 of a block are a pair.
 *
 * @param values float32 uniforms in [0, 1)
 * @param start first position
 * @param end one past the last position; `end - start` is a multiple of 16
 */
export const normalsFromUniforms: (values: Float32Array, start: number, end: number) => void = createNormalKernel()

/** Everything lives in one closure because V8 folds a closure's constants, which takes a fifth off the time. */
function createNormalKernel(): (values: Float32Array, start: number, end: number) => void {
  const fround = Math.fround

  const TWO_PI = fround(2 * Math.PI)
  const SQRT_HALF = fround(Math.SQRT1_2)
  const LOG_P0 = fround(7.0376836292e-2)
  const LOG_P1 = fround(-1.151461031e-1)
  const LOG_P2 = fround(1.167699874e-1)
  const LOG_P3 = fround(-1.2420140846e-1)
  const LOG_P4 = fround(1.4249322787e-1)
  const LOG_P5 = fround(-1.6668057665e-1)
  const LOG_P6 = fround(2.0000714765e-1)
  const LOG_P7 = fround(-2.4999993993e-1)
  const LOG_P8 = fround(3.3333331174e-1)
  const LN2_LOW = fround(-2.1219444e-4)
  const LN2_HIGH = fround(0.693359375)

  const FOUR_OVER_PI = fround(1.27323954473516)
  const MINUS_QUARTER_PI_1 = fround(-0.78515625)
  const MINUS_QUARTER_PI_2 = fround(-2.4187564849853516e-4)
  const MINUS_QUARTER_PI_3 = fround(-3.774894977445941e-8)
  const SIN_P0 = fround(-1.9515295891e-4)
  const SIN_P1 = fround(8.3321608736e-3)
  const SIN_P2 = fround(-1.6666654611e-1)
  const COS_P0 = fround(2.443315711809948e-5)
  const COS_P1 = fround(-1.388731625493765e-3)
  const COS_P2 = fround(4.166664568298827e-2)

  const double = new Float64Array(1)
  const doubleWords = new Uint32Array(double.buffer)
  const LOW_WORD = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1
  const single = new Float32Array(1)
  const singleBits = new Int32Array(single.buffer)

  /**
   * `a * b + c` of three float32 values with a single rounding.
   *
   * The product is exact in float64. The sum is rounded twice (to 53, then to 24 bits), which differs from one rounding
   * only if the float64 sum lies exactly between two float32 values: then the lost part of the sum decides.
   */
  function fusedMultiplyAdd(a: number, b: number, c: number): number {
    const product = a * b
    const sum = product + c
    double[0] = sum
    if (((doubleWords[LOW_WORD] as number) & 0x1fff_ffff) === 0x1000_0000) return roundMidpoint(product, c, sum)
    return fround(sum)
  }

  function roundMidpoint(product: number, addend: number, sum: number): number {
    const addendPart = sum - product
    const lost = product - (sum - addendPart) + (addend - addendPart)
    if (lost === 0) return fround(sum)
    const outwards = lost > 0 === sum > 0
    return fround(sum * (outwards ? 1 + Number.EPSILON : 1 - Number.EPSILON))
  }

  /** Natural logarithm of a float32 in [2^-24, 1]. */
  function log(value: number): number {
    single[0] = value
    const bits = singleBits[0] as number
    let exponent = (bits >> 23) - 126
    singleBits[0] = (bits & 0x007f_ffff) | 0x3f00_0000
    let x = single[0] as number
    if (x < SQRT_HALF) {
      exponent -= 1
      x = fround(fround(x - 1) + x)
    } else {
      x = fround(x - 1)
    }
    const z = fround(x * x)
    let y = fusedMultiplyAdd(LOG_P0, x, LOG_P1)
    y = fusedMultiplyAdd(y, x, LOG_P2)
    y = fusedMultiplyAdd(y, x, LOG_P3)
    y = fusedMultiplyAdd(y, x, LOG_P4)
    y = fusedMultiplyAdd(y, x, LOG_P5)
    y = fusedMultiplyAdd(y, x, LOG_P6)
    y = fusedMultiplyAdd(y, x, LOG_P7)
    y = fusedMultiplyAdd(y, x, LOG_P8)
    y = fround(y * x)
    y = fusedMultiplyAdd(y, z, fround(exponent * LN2_LOW))
    y = fround(y - z * 0.5)
    return fusedMultiplyAdd(exponent, LN2_HIGH, fround(x + y))
  }

  return function normalsFromUniforms(values: Float32Array, start: number, end: number): void {
    for (let block = start; block < end; block += 16) {
      for (let index = block; index < block + 8; index++) {
        const radius = fround(Math.sqrt(fround(-2 * log(fround(1 - (values[index] as number))))))
        let x = fround(TWO_PI * (values[index + 8] as number))

        const octant = (fround(x * FOUR_OVER_PI) + 1) & ~1
        x = fusedMultiplyAdd(octant, MINUS_QUARTER_PI_1, x)
        x = fusedMultiplyAdd(octant, MINUS_QUARTER_PI_2, x)
        x = fusedMultiplyAdd(octant, MINUS_QUARTER_PI_3, x)
        const z = fround(x * x)

        let even = fusedMultiplyAdd(COS_P0, z, COS_P1)
        even = fusedMultiplyAdd(even, z, COS_P2)
        even = fround(even * z)
        even = fround(fusedMultiplyAdd(even, z, z * -0.5) + 1)

        let odd = fusedMultiplyAdd(SIN_P0, z, SIN_P1)
        odd = fusedMultiplyAdd(odd, z, SIN_P2)
        odd = fusedMultiplyAdd(fround(odd * z), x, x)

        const swapped = (octant & 2) !== 0
        const sine = swapped ? even : odd
        const cosine = swapped ? odd : even
        values[index] = radius * ((octant - 2) & 4 ? cosine : -cosine)
        values[index + 8] = radius * (octant & 4 ? -sine : sine)
      }
    }
  }
}
