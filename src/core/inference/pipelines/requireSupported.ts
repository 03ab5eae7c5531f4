import type { ImageTaskArguments } from '../../task/arguments.js'
import { NotSupportedYetError } from '../notSupportedYet.js'

/**
 * Refuses by name what the schema allows and no pipeline does yet: nothing that was asked for is left out silently.
 *
 * `dtype`: no runtime here computes in bfloat16; whether the model's files are in what else is asked for is known when they are open.
 *
 * @throws NotSupportedYetError
 */
export function requireSupported(task: ImageTaskArguments): void {
  const refuse = (field: string, what: string) => {
    throw new NotSupportedYetError(field, what)
  }
  if (task.dtype === 'bfloat16') refuse('dtype', 'bfloat16 arithmetic')
}
