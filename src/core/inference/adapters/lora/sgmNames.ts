import type { LoraLayer } from './loraKeys.js'

const BLOCK = /^(input_blocks|middle_block|output_blocks)_(\d{1,3})(?:_(.+))?$/
const INNER = ['resnets', 'attentions', 'upsamplers'] as const

/**
 * Kohya files for Stable Diffusion XL name blocks as the original code does (`input_blocks_4_1_…`); diffusers names them by level and
 * kind (`down_blocks_1_attentions_0_…`). The mapping is that of diffusers 0.32.1 (`_maybe_map_sgm_blocks_to_diffusers` and what follows
 * it): where a file has both forms, the original code's are left out.
 */
export function sgmToDiffusers(layers: readonly LoraLayer[], layersPerBlock: number): LoraLayer[] {
  const isSgm = (layer: LoraLayer) => layer.isUnderscored && BLOCK.test(layer.module)
  if (layers.some((layer) => /down_blocks|mid_block|up_blocks/.test(layer.module))) {
    return layers.filter((layer) => !isSgm(layer))
  }
  return layers.map((layer) => (isSgm(layer) ? { ...layer, module: renamed(layer.module, layersPerBlock) } : layer))
}

/** A name that fits no block stays as it is, and then no module has it. */
function renamed(module: string, layersPerBlock: number): string {
  const [, kind, number, rest = ''] = BLOCK.exec(module) ?? []
  const index = Number(number)
  const perLevel = layersPerBlock + 1
  if (kind === 'middle_block') {
    const block = ['resnets_0', 'attentions_0', 'resnets_1'][index]
    return block === undefined ? module : `mid_block_${block}_${inner(rest)}`
  }
  const [, position, tail = ''] = /^(\d)(?:_(.+))?$/.exec(rest) ?? []
  const name = INNER[Number(position)]
  if (name === undefined) return module
  if (kind === 'input_blocks') {
    const level = Math.floor((index - 1) / perLevel)
    if (tail === 'op') return `down_blocks_${level}_downsamplers_0_conv`
    return `down_blocks_${level}_${name}_${(index - 1) % perLevel}_${inner(tail)}`
  }
  const level = Math.floor(index / perLevel)
  return `up_blocks_${level}_${name}_${name === 'upsamplers' ? 0 : index % perLevel}_${inner(tail)}`
}

/** The parts of a residual block. */
function inner(name: string): string {
  return name
    .replace(/^in_layers_2$/, 'conv1')
    .replace(/^out_layers_3$/, 'conv2')
    .replace(/^emb_layers_1$/, 'time_emb_proj')
    .replace(/^skip_connection$/, 'conv_shortcut')
}
