import type { ImageTaskArguments } from '../../task/arguments.js'
import { hasModelFile, ModelFileError, type ModelFolders } from '../modelFile.js'
import type { SessionStore } from '../session.js'

/**
 * A session store that opens the files of the variants that a task names: `unet/model.fp16.onnx`, or `unet/model_fp16.onnx`, instead of
 * `unet/model.onnx`. As in the original, a part of the model that has no such file is the plain one, but for the network that denoises.
 *
 * `dtype: float16` prefers files of the variant fp16 where no variant is named.
 */
export function withVariants(
  sessions: SessionStore,
  { dtype, base_model: base, refiner, controlnet }: ImageTaskArguments,
  models: ModelFolders,
): SessionStore {
  const named = new Map<string, string>()
  const name = (model: { path: string } | undefined, variant: string | null | undefined) => {
    if (model && variant) named.set(model.path, variant)
  }
  name(models.base, typeof base === 'string' ? undefined : base.variant)
  name(models.refiner, refiner?.variant)
  name(models.controlnet, controlnet?.variant)
  if (named.size === 0 && dtype !== 'float16') return sessions

  return {
    ...sessions,
    async open(model, file, ...others) {
      const asked = named.get(model.path)
      const variant = asked ?? (dtype === 'float16' ? 'fp16' : undefined)
      if (variant === undefined) return sessions.open(model, file, ...others)
      const candidates = /^[\w-]+$/.test(variant)
        ? ['.', '_'].map((sign) => file.replace(/\.onnx$/, `${sign}${variant}.onnx`))
        : []
      for (const candidate of candidates) {
        if (await hasModelFile(model, candidate)) return sessions.open(model, candidate, ...others)
      }
      if (asked !== undefined && DENOISES.test(file)) {
        throw new ModelFileError(
          model,
          file,
          `has no variant '${asked.slice(0, 40).replaceAll(/\p{C}/gu, '?')}' beside it`,
          undefined,
          'Leave the variant away, or fetch it with `crynux models pull --variant`.',
        )
      }
      return sessions.open(model, file, ...others)
    },
  }
}

const DENOISES = /^(?:(?:unet|unet_with_residuals|controlnet)\/)?model\.onnx$/
