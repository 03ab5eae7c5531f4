import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { model, node, weight } from './onnxWriter.js'

/** Channels of the widest level of Stable Diffusion 1.5. */
const CHANNELS = 320
/** So many convolutions over 64 × 64 latents, twice for the guidance, are 75 billion multiplications: about a second on one core. */
const CONVOLUTIONS = 10

/**
 * Writes a model whose steps cost about a second at 512 × 512, with the inputs and outputs of Stable Diffusion 1.5 and random weights:
 * its pictures show nothing. Tokenizer and text encoder are the embedded model's.
 */
export async function writeHeavyModel(embedded, folder) {
  await cp(embedded, folder, { recursive: true })
  await writeFile(join(folder, 'unet/model.onnx'), unet())
  await writeFile(join(folder, 'vae_decoder/model.onnx'), decoder())
}

function unet() {
  const nodes = [
    node('Conv', ['sample', 'first'], 'x0', padded),
    node('ReduceMean', ['encoder_hidden_states'], 'words', { axes: [1], keepdims: 0 }),
    node('MatMul', ['words', 'project'], 'projected'),
    node('Mul', ['timestep', 'rate'], 'moment'),
    node('Add', ['projected', 'moment'], 'context'),
    node('Unsqueeze', ['context', 'last_axes'], 'spread'),
    node('Add', ['x0', 'spread'], 'y0'),
  ]
  for (let layer = 0; layer < CONVOLUTIONS; layer++) {
    nodes.push(
      node('Conv', [`y${layer}`, 'middle'], `c${layer}`, padded),
      node('Sigmoid', [`c${layer}`], `s${layer}`),
      node('Mul', [`c${layer}`, `s${layer}`], `y${layer + 1}`),
    )
  }
  nodes.push(node('Conv', [`y${CONVOLUTIONS}`, 'last'], 'out_sample', padded))
  return model({
    inputs: {
      sample: ['batch', 4, 'height', 'width'],
      timestep: [1],
      encoder_hidden_states: ['batch', 'tokens', 96],
    },
    outputs: { out_sample: ['batch', 4, 'height', 'width'] },
    nodes,
    weights: [
      kernel('first', 4, CHANNELS),
      kernel('middle', CHANNELS, CHANNELS),
      kernel('last', CHANNELS, 4),
      weight('project', [96, CHANNELS], noise(96 * CHANNELS, 96)),
      weight('rate', [1], Float32Array.of(0.001)),
      weight('last_axes', [2], [2, 3]),
    ],
  })
}

function decoder() {
  return model({
    inputs: { latent_sample: ['batch', 4, 'height', 'width'] },
    outputs: { sample: ['batch', 3, 'out_height', 'out_width'] },
    nodes: [
      node('Conv', ['latent_sample', 'first'], 'small', padded),
      node('Resize', ['small', '', 'scales'], 'large', { mode: 'nearest' }),
      node('Conv', ['large', 'middle'], 'mixed', padded),
      node('Tanh', ['mixed'], 'bounded'),
      node('Conv', ['bounded', 'last'], 'sample', padded),
    ],
    weights: [
      kernel('first', 4, 64),
      kernel('middle', 64, 64),
      kernel('last', 64, 3),
      weight('scales', [4], Float32Array.of(1, 1, 8, 8)),
    ],
  })
}

const padded = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }
const kernel = (name, from, to) => weight(name, [to, from, 3, 3], noise(to * from * 9, from * 9))

/** Numbers of mean 0, so that a sum of `terms` products stays as large as its values were. */
function noise(count, terms) {
  const range = Math.sqrt(12 / terms)
  return Float32Array.from({ length: count }, (_, index) => {
    const bits = Math.imul(Math.imul(index + 1, 0x9e3779b1) ^ (index >>> 7), 0x85ebca6b)
    return ((bits >>> 0) / 2 ** 32 - 0.5) * range
  })
}
