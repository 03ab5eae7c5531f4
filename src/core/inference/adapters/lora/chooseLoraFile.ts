import { readdir } from 'node:fs/promises'
import { hasModelFile, type ModelFolder } from '../../modelFile.js'
import { LoraError, printable } from './loraError.js'

const USUAL_NAME = 'pytorch_lora_weights.safetensors'

/**
 * The weight file of a LoRA: the one that the task names, else the one that diffusers would choose among the safetensors files at the
 * top of the folder (its `_best_guess_weight_name`): `pytorch_lora_weights.safetensors`, or the only one.
 *
 * @throws LoraError when there is no such file, or no way to choose.
 */
export async function chooseLoraFile(lora: ModelFolder, weightFileName: string): Promise<string> {
  if (weightFileName !== '') {
    if (!weightFileName.endsWith('.safetensors')) {
      throw new LoraError(
        lora,
        weightFileName,
        'is named by field lora.weight_file_name, but only .safetensors files are read',
        'Name a safetensors file: other formats can hold programs.',
      )
    }
    const inside = weightFileName.split(/[/\\]/).every((part) => part !== '' && part !== '.' && part !== '..')
    if (!inside || /[\p{C}:]/u.test(weightFileName)) {
      throw new LoraError(
        lora,
        weightFileName,
        'is named by field lora.weight_file_name, but is not a path inside it',
        'Name a file of the LoRA.',
      )
    }
    if (await hasModelFile(lora, weightFileName)) return weightFileName
    const others = await candidates(lora)
    throw new LoraError(
      lora,
      weightFileName,
      'is named by field lora.weight_file_name, but is missing',
      others.length > 0
        ? `It has ${listed(others)}; other files of a hub model come with \`crynux models pull <model> --file <file>\`.`
        : 'Fetch the LoRA again: it has no safetensors file.',
    )
  }
  const found = await candidates(lora)
  const usual = found.filter((name) => name.endsWith(USUAL_NAME))
  const chosen = usual.length > 0 ? usual : found
  if (chosen.length === 1 && chosen[0] !== undefined) return chosen[0]
  if (chosen.length === 0) {
    throw new LoraError(
      lora,
      '',
      'has no safetensors file',
      'Name a LoRA that has one: other formats can hold programs.',
    )
  }
  throw new LoraError(
    lora,
    '',
    'has several safetensors files, and field lora.weight_file_name names none',
    `Name one of ${listed(chosen)}.`,
  )
}

async function candidates(lora: ModelFolder): Promise<string[]> {
  const names = await readdir(lora.path).catch(() => [])
  return names
    .filter((name) => name.endsWith('.safetensors') && !/scheduler|optimizer|checkpoint/.test(name))
    .sort((a, b) => (a < b ? -1 : 1))
}

const MAXIMUM_LISTED = 5

const listed = (names: readonly string[]): string =>
  names.slice(0, MAXIMUM_LISTED).map(printable).join(', ') + (names.length > MAXIMUM_LISTED ? ' …' : '')
