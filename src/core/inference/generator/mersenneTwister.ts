const STATE_WORDS = 624
const MIDDLE_WORD = 397

/** A stream of uniformly distributed 32-bit integers. */
export type MersenneTwister = {
  /** The next value, 0…2^32−1. */
  next(): number
  /** Fills `out` with the next values reduced to 24 bits and scaled to [0, 1): float32 uniforms. */
  fillUniform(out: Float32Array): void
}

/**
 * MT19937, 32 bits (Matsumoto and Nishimura, "Mersenne Twister: a 623-dimensionally equidistributed uniform
 * pseudo-random number generator", ACM TOMACS 8, 1998).
 *
 * @param seed only the low 32 bits count, as in PyTorch
 */
export function createMersenneTwister(seed: number): MersenneTwister {
  const state = new Uint32Array(STATE_WORDS)
  let position = STATE_WORDS

  // `>>> 0` on a number above 2^53 would lose bits, below it is exact modulo 2^32.
  state[0] = seed >>> 0
  for (let index = 1; index < STATE_WORDS; index++) {
    const previous = state[index - 1] as number
    state[index] = Math.imul(1_812_433_253, previous ^ (previous >>> 30)) + index
  }

  /** Renews `state[index]` from the word after it and the word `far`. */
  function renew(index: number, next: number, far: number): void {
    const low = state[next] as number
    const mixed = ((state[index] as number) & 0x8000_0000) | (low & 0x7fff_ffff)
    state[index] = (state[far] as number) ^ (mixed >>> 1) ^ (-(low & 1) & 0x9908_b0df)
  }

  function twist(): void {
    const turn = STATE_WORDS - MIDDLE_WORD
    for (let index = 0; index < turn; index++) renew(index, index + 1, index + MIDDLE_WORD)
    for (let index = turn; index < STATE_WORDS - 1; index++) renew(index, index + 1, index - turn)
    renew(STATE_WORDS - 1, 0, MIDDLE_WORD - 1)
    position = 0
  }

  function next(): number {
    if (position === STATE_WORDS) twist()
    let word = state[position++] as number
    word ^= word >>> 11
    word ^= (word << 7) & 0x9d2c_5680
    word ^= (word << 15) & 0xefc6_0000
    word ^= word >>> 18
    return word >>> 0
  }

  function fillUniform(out: Float32Array): void {
    for (let index = 0; index < out.length; index++) out[index] = (next() & 0xff_ffff) * 2 ** -24
  }

  return { next, fillUniform }
}
