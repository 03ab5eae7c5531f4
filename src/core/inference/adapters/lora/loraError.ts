import { CrynuxError, EXIT } from '../../../../base/errors.js'
import type { ModelFolder } from '../../modelFile.js'

/** A LoRA cannot be used, or not with this model. */
export class LoraError extends CrynuxError {
  override readonly code = 'CRYNUX_LORA'
  override readonly exitCode = EXIT.modelUnavailable

  constructor(lora: Pick<ModelFolder, 'id'>, file: string, complaint: string, remedy: string, cause?: unknown) {
    super(`${file === '' ? '' : `file ${printable(file)} of `}LoRA '${lora.id}' ${complaint}`, {
      remedy,
      details: { model: lora.id, file: printable(file), field: 'lora' },
      ...(cause === undefined ? {} : { cause }),
    })
  }
}

/** Names that come from files and arguments: short, and without what a terminal would obey. */
export const printable = (text: string): string =>
  (text.length > 120 ? `${text.slice(0, 117)}…` : text).replaceAll(/\p{C}/gu, '?')
