import { normalsFromUniforms } from './cephesNormal.js'
import { roundToBfloat16, roundToFloat16 } from './halfPrecision.js'
import { createMersenneTwister } from './mersenneTwister.js'

/** Precision in which the original draws; half precision values come back widened to float32. */
export type DrawPrecision = 'float32' | 'float16' | 'bfloat16'

/**
 * PyTorch's CPU random generator: what `torch.Generator().manual_seed(seed)` gives, bit for bit.
 *
 * One generator serves all pictures of a task; every call continues its stream.
 */
export type TorchGenerator = {
  /** `count` standard normal values, as `torch.randn(count, generator=g, dtype=precision)`. */
  randn(count: number, precision?: DrawPrecision): Float32Array
  /** `count` float32 values in [0, 1), as `torch.rand(count, generator=g)`. */
  rand(count: number): Float32Array
}

const BLOCK = 16

/**
 * Creates the generator that latents and scheduler noise are drawn from.
 *
 * Follows `at::CPUGeneratorImpl` and the CPU kernel of `normal_` (aten/src/ATen/native/cpu/DistributionTemplates.h):
 * from 16 values on, blocks of 16 uniforms become 16 normals, and an incomplete last block is drawn afresh over the
 * last 16 values; below that, each value is a float64 Box–Muller draw whose second half waits for the next such draw.
 *
 * @param seed a non-negative integer; only its low 32 bits count
 */
export function createTorchGenerator(seed: number): TorchGenerator {
  const twister = createMersenneTwister(seed)
  let waiting: number | undefined

  /** A float64 uniform from 53 of 64 bits, the first word being the high one. */
  function doubleUniform(): number {
    const high = twister.next()
    const low = twister.next()
    return ((high & 0x1f_ffff) * 2 ** 32 + low) * 2 ** -53
  }

  function singleNormal(): number {
    if (waiting !== undefined) {
      const value = waiting
      waiting = undefined
      return value
    }
    const first = doubleUniform()
    const second = doubleUniform()
    const radius = Math.sqrt(-2 * Math.log1p(-second))
    const angle = 2 * Math.PI * first
    waiting = radius * Math.sin(angle)
    return radius * Math.cos(angle)
  }

  function manyNormals(count: number): Float32Array {
    const values = new Float32Array(count)
    twister.fillUniform(values)
    normalsFromUniforms(values, 0, count - (count % BLOCK))
    if (count % BLOCK !== 0) {
      twister.fillUniform(values.subarray(count - BLOCK))
      normalsFromUniforms(values, count - BLOCK, count)
    }
    return values
  }

  /** In half precision whole blocks are drawn, and the last 16 values are the whole last block. */
  function manyHalfNormals(count: number): Float32Array {
    const whole = Math.ceil(count / BLOCK) * BLOCK
    const stream = new Float32Array(whole)
    twister.fillUniform(stream)
    normalsFromUniforms(stream, 0, whole)
    const values = stream.slice(0, count)
    values.set(stream.subarray(whole - BLOCK), count - BLOCK)
    return values
  }

  return {
    randn(count, precision = 'float32') {
      if (count < BLOCK) {
        const values = new Float32Array(count)
        for (let index = 0; index < count; index++) values[index] = inPrecision(singleNormal(), precision)
        return values
      }
      if (precision === 'float32') return manyNormals(count)
      return manyHalfNormals(count).map((value) => inPrecision(value, precision))
    },
    rand(count) {
      const values = new Float32Array(count)
      twister.fillUniform(values)
      return values
    },
  }
}

function inPrecision(value: number, precision: DrawPrecision): number {
  if (precision === 'float16') return roundToFloat16(value)
  if (precision === 'bfloat16') return roundToBfloat16(value)
  return value
}
