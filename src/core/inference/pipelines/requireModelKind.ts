import { readdir } from 'node:fs/promises'
import { hasModelFile, type ModelFolder } from '../modelFile.js'
import { ModelMismatchError } from './modelMismatchError.js'

/**
 * Refuses a base model that is plainly of another kind than the task, by the files in its folder. Whether a model of the right kind is
 * whole is seen when its files are read.
 *
 * @throws ModelMismatchError
 */
export async function requireModelKind(model: ModelFolder, wanted: 'pictures' | 'text'): Promise<void> {
  const found = await kindOf(model)
  if (found === undefined || found === wanted) return
  // Exports of language models with other files than ours may look like this.
  if (wanted === 'text' && found === 'unet') return
  const field = wanted === 'pictures' ? 'base_model' : 'model'
  throw new ModelMismatchError(
    field,
    model,
    `is ${DESCRIPTIONS[found]}, which cannot be the model of a task for ${wanted}`,
    wanted === 'text'
      ? 'Name a language model in model.'
      : (REMEDIES[found] ?? 'Name a Stable Diffusion model in base_model.'),
  )
}

type Kind = 'pictures' | 'text' | 'refiner' | 'controlnet' | 'unet' | 'adapter'

const DESCRIPTIONS: Record<Kind, string> = {
  pictures: 'a model for pictures',
  text: 'a language model',
  refiner: 'a refiner (it has no text encoder)',
  controlnet: 'a ControlNet',
  unet: 'a network alone',
  adapter: 'a LoRA or a textual inversion',
}

const REMEDIES: Partial<Record<Kind, string>> = {
  refiner: 'Name it in refiner.model, and a model of Stable Diffusion XL in base_model.',
  controlnet: 'Name it in controlnet.model, and a Stable Diffusion model in base_model.',
  unet: 'Name it in unet, and a Stable Diffusion model in base_model.',
  adapter: 'Name it in lora.model or textual_inversion, and a Stable Diffusion model in base_model.',
}

/** What a folder holds; undefined when it cannot be told. */
async function kindOf(model: ModelFolder): Promise<Kind | undefined> {
  const names = new Set(await readdir(model.path).catch((): string[] => []))
  const has = (...all: string[]) => all.every((name) => names.has(name))
  if (has('unet')) {
    const isRefiner =
      !names.has('text_encoder') && !names.has('tokenizer') && (await hasModelFile(model, 'unet/model.onnx'))
    return isRefiner ? 'refiner' : 'pictures'
  }
  if (has('text_encoder') || has('model_index.json')) return 'pictures'
  if (has('onnx') || has('config.json', 'tokenizer.json')) return 'text'
  if (has('controlnet')) return 'controlnet'
  if (has('model.onnx', 'config.json')) return 'unet'
  const files = [...names]
  if (!names.has('config.json') && files.some((name) => /\.safetensors$|^learned_embeds\.bin$/.test(name)))
    return 'adapter'
  return undefined
}
