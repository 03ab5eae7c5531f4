import { CrynuxError, EXIT } from '../../base/errors.js'

/** The arguments are valid, but ask for something that this version cannot do; it is refused rather than left out. */
export class NotSupportedYetError extends CrynuxError {
  override readonly code = 'CRYNUX_NOT_SUPPORTED_YET'
  override readonly exitCode = EXIT.modelUnavailable

  /** @param remedy for fields without a default. */
  constructor(field: string, what: string, remedy?: string) {
    super(`field ${field} asks for ${what}, which this version cannot do yet`, {
      remedy: remedy ?? `Leave ${field} at its default, or use a version of crynux that has it.`,
      details: { field },
    })
  }
}
