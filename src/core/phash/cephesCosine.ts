/** π/4 in three parts, so that multiples of it can be subtracted without loss. */
const QUARTER_PI = [0.7853981256484985, 3.774894707930798e-8, 2.6951514290790595e-15] as const

/** Minimax polynomials in the square of the angle, for angles up to π/4; highest power first. */
const SINE = [
  1.5896230157654656e-10, -2.5050747762857807e-8, 2.7557313621385722e-6, -0.0001984126982958954, 0.008333333333322118,
  -0.1666666666666663,
]
const COSINE = [
  -1.1358536521387682e-11, 2.087570084197473e-9, -2.755731417929674e-7, 2.4801587288851704e-5, -0.0013888888888873056,
  0.041666666666666595,
]

/**
 * Cosine of an angle from 0 to π/2, to the last bit as the Cephes Math Library (S. Moshier) computes it.
 *
 * Go's `math.Cos` is that function, so the constants of the original transform have its last bits. `Math.cos` rounds
 * 20 of the 63 otherwise, which shows where frequencies tie.
 */
export function cephesCosine(angle: number): number {
  const quarters = angle < Math.PI / 4 ? 0 : 2
  const [high, middle, low] = QUARTER_PI
  const rest = angle - quarters * high - quarters * middle - quarters * low
  const square = rest * rest
  if (quarters === 0) return 1 - 0.5 * square + square * square * polynomial(COSINE, square)
  return -(rest + rest * square * polynomial(SINE, square))
}

function polynomial(coefficients: readonly number[], at: number): number {
  return coefficients.reduce((sum, coefficient) => sum * at + coefficient)
}
