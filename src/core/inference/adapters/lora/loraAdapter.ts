import { hasModelFile, type ModelFolder, readModelJson } from '../../modelFile.js'
import type { ModuleWeight } from '../../onnx/moduleWeights.js'
import { readSafetensors, type Safetensors } from '../safetensors.js'
import { LoraError, printable } from './loraError.js'
import { type LoraComponent, type LoraLayer, type LoraLayers, sortLoraKeys } from './loraKeys.js'

/** A LoRA's weight file, read as far as its header. */
export type LoraAdapter = {
  lora: ModelFolder
  /** Path of the weight file inside the LoRA's folder. */
  file: string
  tensors: Safetensors
  layers: LoraLayers
}

/** A layer that has its place in the model. */
export type PlacedLayer = {
  layer: LoraLayer
  weight: ModuleWeight
  rank: number
  /** Size of the product of the two factors; of a convolution height and width are in `columns`. */
  rows: number
  columns: number
  /** alpha / rank */
  scale: number
}

/**
 * Reads the header of a LoRA file and sorts its keys.
 *
 * @throws LoraError, ModelFileError
 */
export async function readLoraAdapter(lora: ModelFolder, file: string, base: ModelFolder): Promise<LoraAdapter> {
  const tensors = await readSafetensors(lora, file)
  const isXl = await hasModelFile(base, 'text_encoder_2/model.onnx')
  const layers = sortLoraKeys([...tensors.entries.keys()], {
    layersPerBlock: isXl ? layersPerBlockOf(await readModelJson(base, 'unet/config.json')) : undefined,
  })
  if ('complaint' in layers) {
    throw new LoraError(
      lora,
      file,
      `cannot be used: key '${printable(layers.key)}' ${layers.complaint}`,
      'Choose a LoRA in the format of kohya, peft or diffusers.',
    )
  }
  if (Object.values(layers).every((each) => each.length === 0)) {
    throw new LoraError(lora, file, 'is empty', 'Choose another file of it.')
  }
  if (layers.textEncoder2.length > 0 && !isXl) {
    throw new LoraError(
      lora,
      file,
      `changes a second text encoder, which model '${base.id}' does not have`,
      'Choose a LoRA made for this kind of model: this one is for Stable Diffusion XL.',
    )
  }
  return { lora, file, tensors, layers }
}

const layersPerBlockOf = (config: Record<string, unknown>): number => {
  const value = config.layers_per_block
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : 2
}

/**
 * Parts of a UNet that diffusers 0.32.1 cannot find by their kohya names, since it takes every `_` in them for a `.`; it goes on
 * without them.
 */
const UNREACHED = /^(?:conv_in|conv_out|time_embedding|add_embedding)(?:\.|$)/

/**
 * Finds the weight of each layer. As in the original, layers of modules that the network does not have are left out as long as one
 * fits.
 *
 * @throws LoraError when none fits, or when one has another size.
 */
export async function placeLayers(
  adapter: LoraAdapter,
  component: LoraComponent,
  weights: ReadonlyMap<string, ModuleWeight>,
  model: ModelFolder,
): Promise<{ placed: PlacedLayer[]; ignored: number }> {
  const { lora, file, tensors, layers } = adapter
  const underscored = new Map<string, ModuleWeight>()
  const dotted = new Map<string, ModuleWeight>()
  for (const [module, weight] of weights) {
    const name = component === 'unet' ? module : module.replace(/^text_model\./, '')
    dotted.set(name, weight)
    if (component !== 'unet' || !UNREACHED.test(name)) underscored.set(name.replaceAll('.', '_'), weight)
  }
  const scales = await scalesOf(adapter, component)
  const placed: PlacedLayer[] = []
  for (const layer of layers[component]) {
    const weight = (layer.isUnderscored ? underscored : dotted).get(layer.module)
    if (!weight) continue
    const refuse = (complaint: string, remedy = OTHER_MODEL) => {
      throw new LoraError(lora, file, `${complaint} (key '${printable(layer.down)}', model '${model.id}')`, remedy)
    }
    const down = tensors.entries.get(layer.down)?.dims ?? []
    const up = tensors.entries.get(layer.up)?.dims ?? []
    const rank = down[0] ?? 0
    const stored = weight.initializer.dims
    const target = weight.layout === 'inOut' ? [...stored].reverse() : stored
    const wantedDown = [rank, ...target.slice(1)]
    const wantedUp = [target[0] ?? 0, rank, ...target.slice(2).map(() => 1)]
    if (!isSame(down, wantedDown) || !isSame(up, wantedUp) || rank === 0) {
      refuse(`does not fit: it is [${up}] × [${down}] for a weight [${target}]`)
    }
    if (weight.initializer.type === 'other') {
      refuse('cannot be merged into quantised weights', 'Use the float32 or float16 export of the model.')
    }
    if (weight.sharedBy > 1) {
      refuse(
        'cannot be merged into a weight that several modules share',
        'Export the model without merging equal weights.',
      )
    }
    const columns = target.slice(1).reduce((product, each) => product * each, 1)
    placed.push({ layer, weight, rank, rows: target[0] ?? 0, columns, scale: scales.get(layer) ?? 1 })
  }
  if (placed.length === 0) {
    const example = printable(layers[component][0]?.down ?? '')
    throw new LoraError(
      lora,
      file,
      `changes nothing that ${COMPONENT_NAMES[component]} of model '${model.id}' has (first key '${example}')`,
      OTHER_MODEL,
    )
  }
  return { placed, ignored: layers[component].length - placed.length }
}

const OTHER_MODEL = 'Choose a LoRA made for this kind of model (Stable Diffusion 1.5, 2 or XL).'

const COMPONENT_NAMES: Readonly<Record<LoraComponent, string>> = {
  unet: 'the UNet',
  textEncoder: 'the text encoder',
  textEncoder2: 'the second text encoder',
}

const isSame = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((each, index) => each === b[index])

/**
 * alpha / rank of each layer, with the rules of diffusers 0.32.1 (`get_peft_kwargs`, `_maybe_adjust_config`):
 *
 * - A UNet file with at least two layers of another rank than most has scale 1 everywhere: its alphas are replaced by the ranks.
 * - A layer without an alpha has the one that most layers of the network have; where none has one, the rank of the first layer.
 * - The alphas of attention are not found by their names there, so those layers too have the most frequent one.
 */
async function scalesOf(
  { lora, file, tensors, layers }: LoraAdapter,
  component: LoraComponent,
): Promise<Map<LoraLayer, number>> {
  const alphas = new Map<LoraLayer, number>()
  for (const layer of layers[component]) {
    if (layer.alpha === undefined) continue
    const { data } = await tensors.tensor(layer.alpha)
    const [alpha] = data
    if (data.length !== 1 || alpha === undefined || !Number.isFinite(alpha)) {
      throw new LoraError(
        lora,
        file,
        `has a key '${printable(layer.alpha)}' that is no number`,
        'Fetch the LoRA again.',
      )
    }
    alphas.set(layer, alpha)
  }
  const ranks = new Map(layers[component].map((layer) => [layer, tensors.entries.get(layer.down)?.dims[0] ?? 0]))
  const usualRank = mostFrequent([...ranks.values()])
  const isMixed = component === 'unet' && [...ranks.values()].filter((rank) => rank !== usualRank).length > 1
  const [firstRank = 0] = ranks.values()
  const usual = mostFrequent([...alphas.values()]) ?? firstRank
  return new Map(
    [...ranks].map(([layer, rank]) => {
      const own = /attn\d|self_attn/.test(layer.module) ? undefined : alphas.get(layer)
      return [layer, isMixed ? 1 : (own ?? usual) / rank]
    }),
  )
}

/** Of equally frequent values the one that comes first. */
function mostFrequent(values: readonly number[]): number | undefined {
  const counts = new Map<number, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  let best: number | undefined
  for (const [value, count] of counts) if (best === undefined || count > (counts.get(best) ?? 0)) best = value
  return best
}
