import type { TextTaskArguments } from '../../task/arguments.js'
import { hasModelFile, ModelFileError, type ModelFolder } from '../modelFile.js'
import { NotSupportedYetError } from '../notSupportedYet.js'

/**
 * The network that a task's `dtype` and `quantize_bits` mean, by the file names of transformers.js. Never another one than that: all
 * nodes of a task must run the same.
 *
 * @throws NotSupportedYetError for bfloat16, ModelFileError when the model has no such file.
 */
export async function chooseModelFile(
  model: ModelFolder,
  { dtype, quantize_bits: bits }: Pick<TextTaskArguments, 'dtype' | 'quantize_bits'>,
): Promise<string> {
  if (dtype === 'bfloat16') throw new NotSupportedYetError('dtype', 'bfloat16 arithmetic')
  const half = dtype === 'float16'
  if (bits === 8 && half) throw new NotSupportedYetError('dtype', 'float16 arithmetic with 8-bit weights')
  const suffix = bits === 4 ? (half ? '_q4f16' : '_q4') : bits === 8 ? '_quantized' : half ? '_fp16' : ''
  const file = `onnx/model${suffix}.onnx`
  if (await hasModelFile(model, file)) return file
  const field = bits === null ? `dtype ${dtype}` : `quantize_bits ${bits}${half ? ' with dtype float16' : ''}`
  if (suffix === '') throw new ModelFileError(model, file, 'is missing')
  throw new ModelFileError(
    model,
    file,
    `is missing, which ${field} asks for`,
    undefined,
    `Leave it at its default, or fetch the file with \`crynux models pull --variant ${suffix.slice(1)}\`, if the model has it.`,
  )
}
