import type { ImageTaskArguments } from '../../task/arguments.js'
import { roundToFloat16 } from '../generator/halfPrecision.js'
import { ModelFileError } from '../modelFile.js'
import type { Scheduler } from '../schedulers/scheduler.js'
import type { ModelSession } from '../session.js'
import type { Unet } from './unet.js'

/** Precision of latents and noise. */
export type LatentPrecision = 'float32' | 'float16'

/** A pipeline's latents have the precision that its UNet takes them in. */
export const precisionOf = (unet: ModelSession): LatentPrecision =>
  unet.inputType('sample') === 'float16' ? 'float16' : 'float32'

/**
 * Checks that a UNet computes in what the task asks for; `auto` is the precision of the model's files.
 *
 * @throws ModelFileError
 */
export function requirePrecision({ model, session }: Unet, dtype: ImageTaskArguments['dtype']): void {
  if (dtype === 'auto' || dtype === precisionOf(session)) return
  throw dtype === 'float32'
    ? new ModelFileError(
        model,
        session.file,
        'computes in float16, and dtype float32 is asked for',
        undefined,
        'Ask for dtype auto or float16, or use a model in float32.',
      )
    : new ModelFileError(
        model,
        session.file.replace(/\.onnx$/, '.fp16.onnx'),
        `is missing, which dtype ${dtype} asks for`,
        undefined,
        'Ask for dtype auto, or use a model that has it (`crynux models pull --variant fp16`).',
      )
}

/**
 * A scheduler whose latents are rounded to half precision wherever the original holds them in it: what the UNet sees, what a step gives.
 *
 * Within a step it computes in float32. The original rounds there as well with some schedulers, which no golden data shows.
 */
export function inPrecision(scheduler: Scheduler, precision: LatentPrecision): Scheduler {
  if (precision === 'float32') return scheduler
  const round = (values: Float32Array) => values.map(roundToFloat16)
  return {
    ...scheduler,
    // DPMSolverMultistepScheduler draws its noise in float32 always, the others draw in the precision of the latents.
    half: { noise: scheduler.method === 'DPMSolverMultistepScheduler' ? 'float32' : 'float16' },
    scaleModelInput: (sample, index) => round(scheduler.scaleModelInput(sample, index)),
    step(step) {
      const { sample, ...others } = scheduler.step(step)
      return { ...others, sample: round(sample) }
    },
  }
}

/** Classifier-free guidance on a batch of [negative, positive]: n + cfg · (p − n), rounded to half precision after each operation. */
export function guideInHalf(output: Float32Array, cfg: number): Float32Array {
  const half = output.length / 2
  const scale = Math.fround(cfg)
  return Float32Array.from({ length: half }, (_, index) => {
    const negative = output[index] as number
    return roundToFloat16(
      negative + roundToFloat16(scale * roundToFloat16((output[half + index] as number) - negative)),
    )
  })
}
