import { CrynuxError, type CrynuxErrorOptions, EXIT } from '../base/errors.js'
import { shownModelId } from './modelId.js'

/** The model is not on this machine; a node votes ModelUnavailable. */
export class ModelUnavailableError extends CrynuxError {
  override readonly code = 'CRYNUX_MODEL_UNAVAILABLE'
  override readonly exitCode = EXIT.modelUnavailable

  constructor(modelId: string, remedy: string) {
    const name = shownModelId(modelId)
    super(`model '${name}' is not on this machine`, { remedy, details: { model: name } })
  }
}

/** The model exists, but in a form that this version cannot run: only safetensors, a checkpoint, a pickle, a missing variant. */
export class ModelFormatError extends CrynuxError {
  override readonly code = 'CRYNUX_MODEL_FORMAT'
  override readonly exitCode = EXIT.modelUnavailable

  constructor(modelId: string, complaint: string, remedy: string) {
    const name = shownModelId(modelId)
    super(`model '${name}' ${complaint}`, { remedy, details: { model: name } })
  }
}

/** The hub or a server says no, or sends what cannot be right; trying again will not help. */
export class ModelDownloadError extends CrynuxError {
  override readonly code = 'CRYNUX_MODEL_DOWNLOAD'
  override readonly exitCode = EXIT.modelUnavailable
}

/** The network or the server fails for the moment; what has come is kept, and the same command goes on from there. */
export class ModelDownloadInterruptedError extends CrynuxError {
  override readonly code = 'CRYNUX_MODEL_DOWNLOAD_INTERRUPTED'
  override readonly exitCode = EXIT.temporary
}

/** A URL that a model must not come from: not https, a private address, too many redirects. */
export class UnsafeUrlError extends CrynuxError {
  override readonly code = 'CRYNUX_UNSAFE_URL'
  override readonly exitCode = EXIT.usage
}

/** Neither the quota nor the disk has room for the model. */
export class NoRoomForModelError extends CrynuxError {
  override readonly code = 'CRYNUX_NO_ROOM_FOR_MODEL'
  override readonly exitCode = EXIT.modelUnavailable
}

/** Somebody works with the model at the moment. */
export class ModelInUseError extends CrynuxError {
  override readonly code = 'CRYNUX_MODEL_IN_USE'
  override readonly exitCode = EXIT.temporary

  constructor(modelId: string, what: string, options: Pick<CrynuxErrorOptions, 'remedy'>) {
    const name = shownModelId(modelId)
    super(`model '${name}' ${what}`, { ...options, details: { model: name } })
  }
}
