import type { TaskArguments } from './arguments.js'

/** A model that a task names, and which of its files. */
export type TaskModel = { id: string; file?: string; variant?: string }

/** All models that a task names, the base model first. */
export function modelsOfTask(task: TaskArguments): TaskModel[] {
  if (task.kind === 'text') return [{ id: task.arguments.model, ...textVariant(task.arguments) }]
  const { base_model: base, unet, vae, lora, controlnet, refiner, textual_inversion: embedding } = task.arguments
  const models: TaskModel[] = [typeof base === 'string' ? { id: base } : named(base)]
  if (unet) models.push({ id: unet })
  if (vae) models.push({ id: vae })
  // A LoRA at a URL is one file, whatever its name.
  if (lora) {
    const file = lora.weight_file_name
    models.push({ id: lora.model, ...(file && !lora.model.startsWith('https://') ? { file } : {}) })
  }
  if (controlnet) models.push(named({ name: controlnet.model, variant: controlnet.variant }))
  if (refiner) models.push(named({ name: refiner.model, variant: refiner.variant }))
  if (embedding) models.push({ id: embedding })
  return models
}

const named = ({ name, variant }: { name: string; variant?: string | null | undefined }): TaskModel => ({
  id: name,
  ...(variant ? { variant } : {}),
})

/** The endings of transformers.js for what `dtype` and `quantize_bits` ask for. */
function textVariant({
  dtype,
  quantize_bits: bits,
}: {
  dtype: string
  quantize_bits: number | null
}): Pick<TaskModel, 'variant'> {
  const half = dtype === 'float16'
  if (bits === 4) return { variant: half ? 'q4f16' : 'q4' }
  if (bits === 8) return { variant: 'quantized' }
  return half ? { variant: 'fp16' } : {}
}
