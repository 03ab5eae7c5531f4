import type { ImageTaskArguments } from '../../task/arguments.js'
import { NotSupportedYetError } from '../notSupportedYet.js'

/**
 * Refuses by name what the schema allows and no pipeline does yet: nothing that was asked for is left out silently.
 *
 * `dtype`: this device computes in float32, so `auto` and `float32` are the same here. float16 and bfloat16 are refused, since both the
 * weights and the random numbers would differ from what the task asks for.
 *
 * @throws NotSupportedYetError
 */
export function requireSupported(task: ImageTaskArguments): void {
  const refuse = (field: string, what: string) => {
    throw new NotSupportedYetError(field, what)
  }
  if (task.dtype !== 'auto' && task.dtype !== 'float32') refuse('dtype', `${task.dtype} arithmetic`)
  if (typeof task.base_model === 'object' && task.base_model.variant)
    refuse('base_model.variant', 'a variant of the weights')
  if (task.controlnet?.variant) refuse('controlnet.variant', 'a variant of the weights')
  if (task.refiner?.variant) refuse('refiner.variant', 'a variant of the weights')
  if (task.textual_inversion) refuse('textual_inversion', 'a textual inversion')
}
