import { hasModelFile, ModelFileError, type ModelFolder, type ModelFolders } from '../modelFile.js'
import { ModelMismatchError } from './modelMismatchError.js'
import type { UnetFolder } from './unet.js'

/**
 * Which UNet a task means, and where its files are. A replacement is published alone, with its files at the top of its folder, or as part
 * of a whole model.
 *
 * @throws ModelFileError, ModelMismatchError when a replacement is there in no form that takes a ControlNet
 */
export async function findUnet(
  models: ModelFolders,
): Promise<{ model: ModelFolder; field: string; folder: UnetFolder }> {
  if (models.controlnet) return findControlledUnet({ ...models, controlnet: models.controlnet })
  const { base, unet: model } = models
  if (!model) return { model: base, field: 'base_model', folder: 'unet/' }
  return { model, field: 'unet', folder: (await hasModelFile(model, 'model.onnx')) ? '' : 'unet/' }
}

/** The UNet that takes residuals is exported with the model that it is of, or with the ControlNet that it is for. */
async function findControlledUnet({
  base,
  unet,
  controlnet,
}: ModelFolders & { controlnet: ModelFolder }): Promise<{ model: ModelFolder; field: string; folder: UnetFolder }> {
  const folder = 'unet_with_residuals/'
  const given = unet ? { model: unet, field: 'unet' } : { model: base, field: 'base_model' }
  if (await hasModelFile(given.model, `${folder}model.onnx`)) return { ...given, folder }
  if (!(await hasModelFile(controlnet, 'controlnet/config.json'))) {
    throw new ModelFileError(controlnet, 'controlnet/config.json', 'is missing')
  }
  // What a ControlNet brings is the UNet of the base model, not a replacement.
  if (!unet) return { model: controlnet, field: 'controlnet.model', folder }
  throw new ModelMismatchError('unet', unet, `has no ${folder}model.onnx, which a ControlNet needs`)
}
