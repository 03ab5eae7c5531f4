import { CrynuxError, EXIT } from '../../../base/errors.js'
import type { ModelFolder } from '../modelFile.js'

/**
 * Two models of a task do not fit together, e.g. a UNet of Stable Diffusion 1.5 in a Stable Diffusion XL model. Not an
 * InvalidArgumentsError: what is in a model's folder is not in the arguments, and another export may fit.
 */
export class ModelMismatchError extends CrynuxError {
  override readonly code = 'CRYNUX_MODEL_MISMATCH'
  override readonly exitCode = EXIT.modelUnavailable

  /**
   * @param field the argument that names the model, e.g. `refiner.model`.
   * @param remedy where the base model is the one that does not fit.
   */
  constructor(field: string, model: Pick<ModelFolder, 'id'>, complaint: string, remedy?: string) {
    super(`model '${model.id}' of field ${field} ${complaint}`, {
      remedy: remedy ?? `Name a model in ${field} that was made for the base model.`,
      details: { field, model: model.id },
    })
  }
}
