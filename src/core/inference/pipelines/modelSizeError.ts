import { CrynuxError, EXIT } from '../../../base/errors.js'

/**
 * The schema allows the size, but this export of the model cannot do it. Not an InvalidArgumentsError: a node that votes for invalid
 * arguments where others have a result is slashed, and another export may well do it.
 */
export class ModelSizeError extends CrynuxError {
  override readonly code = 'CRYNUX_MODEL_SIZE'
  override readonly exitCode = EXIT.usage

  constructor(field: 'image_width' | 'image_height', size: number, step: number) {
    super(`field task_config.${field} is ${size}, must be a multiple of ${step} for this model`, {
      remedy: `Choose a multiple of ${step}.`,
      details: { field: `task_config.${field}` },
    })
  }
}

/** @throws ModelSizeError unless both sizes are multiples of the step. */
export function requireSizes(
  { image_width, image_height }: Record<'image_width' | 'image_height', number>,
  step: number,
): void {
  if (image_width % step !== 0) throw new ModelSizeError('image_width', image_width, step)
  if (image_height % step !== 0) throw new ModelSizeError('image_height', image_height, step)
}
