import { CrynuxError, EXIT } from '../../base/errors.js'

/**
 * The schema allows the arguments, but this model cannot take them. Not an InvalidArgumentsError: it depends on files of the model, and
 * a node that votes for invalid arguments where others have a result is slashed.
 */
export class ModelInputError extends CrynuxError {
  override readonly code = 'CRYNUX_MODEL_INPUT'
  override readonly exitCode = EXIT.usage

  constructor(field: string, complaint: string, remedy: string, cause?: unknown) {
    super(`field ${field} ${complaint}`, { remedy, details: { field }, ...(cause === undefined ? {} : { cause }) })
  }
}
