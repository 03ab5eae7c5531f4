import { sgmToDiffusers } from './sgmNames.js'

/** The networks of a model that a LoRA can change. */
export type LoraComponent = 'unet' | 'textEncoder' | 'textEncoder2'

/** One module's change, by the names of its tensors. */
export type LoraLayer = {
  /** Name of the module; of kohya files with `_` where the model has `.`, since they do not say which is which. */
  module: string
  isUnderscored: boolean
  down: string
  up: string
  alpha?: string
}

export type LoraLayers = Readonly<Record<LoraComponent, readonly LoraLayer[]>>

/** Kinds of adapters that are no LoRA, by what their keys contain. */
const OTHER_KINDS: readonly (readonly [RegExp, string])[] = [
  [/dora_scale|lora_magnitude_vector/, 'a DoRA (weight-decomposed) adapter'],
  [/\.hada_/, 'a LoHa adapter'],
  [/\.lokr_/, 'a LoKr adapter'],
  [/\.lora_mid\./, 'a Tucker-decomposed LoCon adapter'],
  [/\.oft_|oft_diag/, 'an OFT adapter'],
  [/\.(?:ia3|on_input)\b/, 'an IA3 adapter'],
  [/\.diff(?:_b)?$/, 'an adapter with full differences'],
  [/\.lora_[AB](?:\.\w+)?\.bias$/, 'a LoRA with biases'],
]

const KOHYA = /^(lora_unet_|lora_te_|lora_te1_|lora_te2_)([^.]+)\.(lora_down\.weight|lora_up\.weight|alpha)$/
const KOHYA_COMPONENTS: Readonly<Record<string, LoraComponent>> = {
  lora_unet_: 'unet',
  lora_te_: 'textEncoder',
  lora_te1_: 'textEncoder',
  lora_te2_: 'textEncoder2',
}

/** Key endings of diffusers and peft, oldest last: how they name the module, and which factor it is. */
const DIFFUSERS: readonly RegExp[] = [
  /^(.+)\.lora_(A|B)\.weight$/,
  /^(.+)\.lora\.(down|up)\.weight$/,
  /^(.+)\.lora_linear_layer\.(down|up)\.weight$/,
  /^(.+\.to_(?:q|k|v|out))_lora\.(down|up)\.weight$/,
]

/** A key that makes the file unusable, and why. */
export type LoraComplaint = { key: string; complaint: string }

/**
 * Sorts the keys of a LoRA file by network and module. Understood are the formats that diffusers 0.32.1 reads: kohya's
 * (`lora_unet_…`, `lora_te_…`, `lora_te1_…`, `lora_te2_…`, for XL also in the block names of the original code), peft's
 * (`….lora_A.weight`) and three of diffusers' own.
 *
 * @param keys in the order of the file.
 * @param layersPerBlock of the UNet of a Stable Diffusion XL model; undefined for others, whose files diffusers does not rename.
 * @returns the layers, or the first key that is not understood: every key must be, as in the original.
 */
export function sortLoraKeys(
  keys: readonly string[],
  { layersPerBlock }: { layersPerBlock: number | undefined },
): LoraLayers | LoraComplaint {
  for (const [pattern, kind] of OTHER_KINDS) {
    const key = keys.find((each) => pattern.test(each))
    if (key !== undefined) return { key, complaint: `is part of ${kind}, which this version cannot use` }
  }
  const parts = new Map<string, Partial<LoraLayer> & { component: LoraComponent; first: string }>()
  for (const key of keys) {
    const part = parseKohya(key) ?? parseDiffusers(key)
    if (!part) return { key, complaint: 'is no weight of a LoRA' }
    const place = `${part.component} ${part.module}`
    const layer = parts.get(place) ?? {
      component: part.component,
      module: part.module,
      isUnderscored: part.isUnderscored,
      first: key,
    }
    if (layer[part.role] !== undefined) return { key, complaint: `changes the same weight as '${layer[part.role]}'` }
    layer[part.role] = key
    parts.set(place, layer)
  }

  const layers: Record<LoraComponent, LoraLayer[]> = { unet: [], textEncoder: [], textEncoder2: [] }
  for (const { component, first, module = '', isUnderscored = false, down, up, alpha } of parts.values()) {
    if (down === undefined) return { key: first, complaint: 'has no counterpart that leads down to the rank' }
    if (up === undefined) return { key: first, complaint: 'has no counterpart that leads up from the rank' }
    layers[component].push({ module, isUnderscored, down, up, ...(alpha === undefined ? {} : { alpha }) })
  }
  if (layersPerBlock !== undefined) layers.unet = sgmToDiffusers(layers.unet, layersPerBlock)
  return layers
}

type KeyPart = { component: LoraComponent; module: string; isUnderscored: boolean; role: 'down' | 'up' | 'alpha' }

function parseKohya(key: string): KeyPart | undefined {
  const [, prefix = '', module = '', end = ''] = KOHYA.exec(key) ?? []
  const component = Object.hasOwn(KOHYA_COMPONENTS, prefix) ? KOHYA_COMPONENTS[prefix] : undefined
  if (!component) return undefined
  const role = end === 'alpha' ? 'alpha' : end === 'lora_down.weight' ? 'down' : 'up'
  return {
    component,
    module: component === 'unet' ? module : module.replace(/^text_model_/, ''),
    isUnderscored: true,
    role,
  }
}

function parseDiffusers(key: string): KeyPart | undefined {
  for (const pattern of DIFFUSERS) {
    const [, path, end] = pattern.exec(key) ?? []
    if (path === undefined) continue
    const role = end === 'A' || end === 'down' ? 'down' : 'up'
    const [prefix, component] = PREFIXES.find(([each]) => path.startsWith(each)) ?? ['', 'unet']
    const name = path.slice(prefix.length).replace('.processor', '')
    const module = component === 'unet' ? name : name.replace(/^text_model\./, '')
    return { component, module: currentName(module, component), isUnderscored: false, role }
  }
  return undefined
}

const PREFIXES = [
  ['unet.', 'unet'],
  ['text_encoder.', 'textEncoder'],
  ['text_encoder_2.', 'textEncoder2'],
] as const

/** Attention's parts were once named alike in all networks. */
function currentName(module: string, component: LoraComponent): string {
  if (component === 'unet') return module.replace(/\.to_out$/, '.to_out.0')
  return module.replace(/\.to_(q|k|v|out)$/, '.$1_proj')
}
