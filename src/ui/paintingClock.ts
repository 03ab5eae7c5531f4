/** How far the pictures of a task are: `image` counts from 0, `step` from 0 to `steps`. */
export type PaintingProgress = {
  stage: 'load' | 'encode' | 'denoise' | 'decode'
  image: number
  step: number
  steps: number
}

/** Knows from the steps so far how long the rest will take. */
export type PaintingClock = {
  /** @returns milliseconds until the last picture is decoded; undefined until a step has been measured. */
  left(progress: PaintingProgress): number | undefined
}

/**
 * Creates the clock for the pictures of one task.
 *
 * @param now milliseconds since any moment
 */
export function createPaintingClock({ pictures, now }: { pictures: number; now(): number }): PaintingClock {
  let last: { progress: PaintingProgress; at: number } | undefined
  const denoising = { ms: 0, count: 0 }
  const decoding = { ms: 0, count: 0 }

  return {
    left(progress) {
      const at = now()
      if (last) {
        const before = last.progress
        const taken = at - last.at
        const steps = progress.image === before.image ? progress.step - before.step : 0
        if (before.stage === 'denoise' && progress.stage === 'denoise' && steps > 0) {
          denoising.ms += taken
          denoising.count += steps
        }
        if (before.stage === 'decode' && progress.image > before.image) {
          decoding.ms += taken
          decoding.count++
        }
      }
      last = { progress, at }
      if (denoising.count === 0) return undefined
      const picturesLeft = pictures - progress.image
      const stepsHere = progress.stage === 'denoise' ? progress.steps - progress.step : 0
      const stepsLeft = stepsHere + (picturesLeft - 1) * lengthOf(progress, denoising.count)
      const decodingMs = decoding.count === 0 ? 0 : decoding.ms / decoding.count
      return (stepsLeft * denoising.ms) / denoising.count + picturesLeft * decodingMs
    },
  }
}

/** Steps of a picture; while one is decoded they are those of the pictures before. */
const lengthOf = ({ stage, steps, image }: PaintingProgress, measured: number): number =>
  stage === 'denoise' ? steps : measured / (image + 1)
