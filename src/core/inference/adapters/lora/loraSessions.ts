import { createHash } from 'node:crypto'
import { dirname, join } from 'node:path'
import type { ImageTaskArguments } from '../../../task/arguments.js'
import { hasModelFile, type ModelFolder, type ModelFolders } from '../../modelFile.js'
import { moduleWeights } from '../../onnx/moduleWeights.js'
import { type IndexedModel, isPatchedCopy, openIndexedModel, partPath, patchModel } from '../../onnx/patchModel.js'
import type { SessionStore } from '../../session.js'
import { addLowRank } from './addLowRank.js'
import { chooseLoraFile } from './chooseLoraFile.js'
import { type LoraAdapter, type PlacedLayer, placeLayers, readLoraAdapter } from './loraAdapter.js'
import { LoraError } from './loraError.js'
import type { LoraComponent } from './loraKeys.js'
import { createMergedModelCache, type MergedModelCache } from './mergedModelCache.js'

/** A session store that opens the networks which a LoRA changes with the LoRA merged into their weights. */
export type LoraSessions = SessionStore & {
  /** How many layers were merged, and how many the opened networks have no place for. */
  environment(): Record<string, number>
}

/** Changes whenever the same files would give other bits. */
const MERGE_VERSION = 2

/** A module that every such network has, to find out how the export names them. */
const LANDMARKS: Readonly<Record<LoraComponent, string>> = {
  unet: 'conv_in',
  textEncoder: 'text_model',
  textEncoder2: 'text_model',
}

/**
 * Puts a task's LoRA between the pipelines and the networks: UNet (also a replacement, or a ControlNet's) and text encoders are opened
 * as copies in the cache with `weight + scale · alpha / rank · up × down`; everything else, the refiner too, as it is.
 *
 * The scale is the task's weight / 100. (The original network passes it to a call that ignores it, so there every weight acts as 100.)
 *
 * @throws LoraError, ModelFileError when the LoRA's file is missing, damaged or not for this kind of model.
 */
export async function createLoraSessions(
  sessions: SessionStore,
  {
    lora,
    models,
    cacheFolder,
  }: {
    lora: NonNullable<ImageTaskArguments['lora']>
    models: ModelFolders & { lora: ModelFolder }
    cacheFolder: string
  },
): Promise<LoraSessions> {
  const file = await chooseLoraFile(models.lora, lora.weight_file_name)
  const adapter = await readLoraAdapter(models.lora, file, models.base)
  const cache = createMergedModelCache({ folder: cacheFolder })
  const counts = new Map<string, { merged: number; ignored: number }>()

  return {
    ...sessions,
    async open(model, modelFile) {
      const component = componentOf(models, model, modelFile)
      if (!component || adapter.layers[component].length === 0) return sessions.open(model, modelFile)
      const source = await openIndexedModel(model, modelFile)
      const { placed, ignored } = await placeLayers(
        adapter,
        component,
        moduleWeights(source.index, LANDMARKS[component]),
        model,
      )
      counts.set(`${model.id} ${modelFile}`, { merged: placed.length, ignored })
      const options = { source, adapter, placed, scale: lora.weight / 100, cache, cacheFolder }
      const merged = { id: model.id, path: await mergedFolder(options) }
      try {
        return await sessions.open(merged, modelFile)
      } catch (error) {
        // Another process may have removed the entry to make room, just now.
        if (await hasModelFile(merged, modelFile)) throw error
        return sessions.open({ id: model.id, path: await mergedFolder(options) }, modelFile)
      }
    },
    environment() {
      const all = [...counts.values()]
      return {
        loraLayers: all.reduce((sum, { merged }) => sum + merged, 0),
        loraLayersIgnored: all.reduce((sum, { ignored }) => sum + ignored, 0),
      }
    },
  }
}

/** What a file of the task's models is, as far as a LoRA changes it; variants (`model.fp16.onnx`) stand beside the plain file. */
function componentOf(models: ModelFolders, model: ModelFolder, file: string): LoraComponent | undefined {
  if (model === models.refiner) return undefined
  const [, folder = ''] = /^(?:(\w+)\/)?model[\w.-]*\.onnx$/.exec(file) ?? []
  if (folder === 'unet' || folder === 'unet_with_residuals') return 'unet'
  if (folder === 'text_encoder') return 'textEncoder'
  if (folder === 'text_encoder_2') return 'textEncoder2'
  return folder === '' && model === models.unet ? 'unet' : undefined
}

async function mergedFolder({
  source,
  adapter,
  placed,
  scale,
  cache,
  cacheFolder,
}: {
  source: IndexedModel
  adapter: LoraAdapter
  placed: readonly PlacedLayer[]
  scale: number
  cache: MergedModelCache
  cacheFolder: string
}): Promise<string> {
  const { lora, file } = adapter
  try {
    const digests = []
    for (const part of source.parts) digests.push([part, await cache.digest(partPath(source, part))])
    const made = {
      version: MERGE_VERSION,
      model: digests,
      lora: await cache.digest(join(lora.path, file)),
      file: source.file,
      // Not only what the contents say: which weight a layer belongs to depends on the base model's configuration, and two base models
      // may share this network.
      layers: placed.map(({ layer: { down, up }, weight: { initializer, layout }, scale: layerScale }) => [
        down,
        up,
        initializer.name,
        layout,
        layerScale,
      ]),
      scale,
    }
    const key = createHash('sha256').update(JSON.stringify(made)).digest('hex')
    return await cache.entry(key, {
      build: (folder) =>
        patchModel(source, {
          // The path inside the model stays, for messages.
          folder: join(folder, dirname(source.file)),
          patches: placed.map((each) => ({
            initializer: each.weight.initializer,
            change: (values) => addLayer(adapter, each, scale, values),
          })),
        }),
      isWhole: (folder) => isPatchedCopy(source, join(folder, dirname(source.file))),
    })
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
    const isFull = code === 'ENOSPC' || code === 'EDQUOT'
    if (!isFull && !['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST'].includes(code)) throw cause
    const complaint = isFull ? 'is full' : 'cannot be written'
    throw new LoraError(
      lora,
      file,
      `cannot be merged, because the cache folder '${cacheFolder}' ${complaint}`,
      'Merging needs as much room as the model takes; make room, or give another --data-dir.',
      cause,
    )
  }
}

async function addLayer(
  { lora, file, tensors }: LoraAdapter,
  { layer, weight, rank, rows, columns, scale: layerScale }: PlacedLayer,
  scale: number,
  values: Float32Array,
): Promise<void> {
  const up = await tensors.tensor(layer.up)
  const down = await tensors.tensor(layer.down)
  const factors = { up: up.data, down: down.data, rank, rows, columns }
  addLowRank(values, factors, scale * layerScale, weight.layout === 'inOut')
  if (!areFinite(values)) {
    throw new LoraError(
      lora,
      file,
      `gives numbers that are not finite (key '${layer.down}')`,
      'Fetch the LoRA again, or lower lora.weight.',
    )
  }
}

/** An exponent of ones is what infinities and NaN have. */
function areFinite(values: Float32Array): boolean {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  for (let index = 0; index < bits.length; index++) {
    if (((bits[index] as number) & 0x7f800000) === 0x7f800000) return false
  }
  return true
}
