// Prints how long a LoRA takes to be merged into a UNet of the size of Stable Diffusion 1.5 (860 million weights, float16, 1.7 GB) and
// what memory that needs: npm run bench -- lora. Needs 3.5 GB of disk in the temporary folder for half a minute.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { bundleSources } from './lib/bundleSources.js'
import { externalWeight, model, namedNode } from './lib/onnxWriter.js'
import { table } from './lib/table.js'

const RANK = 32
const CHANNELS = [320, 640, 1280, 1280]
const WORDS = 768
const TIME = 1280

if (process.argv[2] === '--merge') {
  // A process of its own, whose memory holds nothing but the merging.
  const { createLoraSessions } = await bundleSources({
    createLoraSessions: 'core/inference/adapters/lora/loraSessions',
  })
  const folder = process.argv[3]
  const before = process.memoryUsage.rss()
  const first = await merge(createLoraSessions, folder)
  const memoryMb = process.resourceUsage().maxRSS / 1024 - before / 2 ** 20
  const second = await merge(createLoraSessions, folder)
  console.log(JSON.stringify({ first, second, memoryMb }))
} else {
  const folder = await mkdtemp(join(tmpdir(), 'crynux-bench-lora-'))
  try {
    const layers = unetLayers()
    const weights = await writeUnet(join(folder, 'base'), layers)
    const adapted = await writeLora(join(folder, 'lora'), layers)
    const { stdout } = await promisify(execFile)(process.execPath, [import.meta.filename, '--merge', folder])
    const { first, second, memoryMb } = JSON.parse(stdout)
    const size = `${((weights * 2) / 1e9).toFixed(2)} GB`
    console.log(
      table(
        ['LoRA into a UNet', 'size', 'layers', 'rank', 's', 'memory beyond the start, MB'],
        [
          ['first time', size, adapted, RANK, first.toFixed(1), memoryMb.toFixed(0)],
          ['from the cache', size, adapted, RANK, second.toFixed(2), ''],
        ],
      ),
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function merge(createLoraSessions, folder) {
  const base = { id: 'base', path: join(folder, 'base') }
  const lora = { id: 'lora', path: join(folder, 'lora') }
  const start = performance.now()
  const sessions = await createLoraSessions(
    { open: async () => undefined },
    {
      lora: { model: 'lora', weight_file_name: '', weight: 80 },
      models: { base, lora },
      cacheFolder: join(folder, 'cache'),
    },
  )
  await sessions.open(base, 'unet/model.onnx')
  return (performance.now() - start) / 1000
}

/** Linear and convolution weights of the UNet of Stable Diffusion 1.5: [module, out, in, kernel size or 0]. */
function unetLayers() {
  const layers = [
    ['conv_in', 320, 4, 3],
    ['time_embedding.linear_1', TIME, 320, 0],
    ['time_embedding.linear_2', TIME, TIME, 0],
  ]
  const resnet = (name, from, to) => {
    layers.push([`${name}.conv1`, to, from, 3], [`${name}.time_emb_proj`, to, TIME, 0], [`${name}.conv2`, to, to, 3])
    if (from !== to) layers.push([`${name}.conv_shortcut`, to, from, 1])
  }
  const transformer = (name, size) => {
    const block = `${name}.transformer_blocks.0`
    layers.push([`${name}.proj_in`, size, size, 1])
    for (const [attention, from] of [
      ['attn1', size],
      ['attn2', WORDS],
    ]) {
      layers.push([`${block}.${attention}.to_q`, size, size, 0])
      layers.push([`${block}.${attention}.to_k`, size, from, 0], [`${block}.${attention}.to_v`, size, from, 0])
      layers.push([`${block}.${attention}.to_out.0`, size, size, 0])
    }
    layers.push([`${block}.ff.net.0.proj`, size * 8, size, 0], [`${block}.ff.net.2`, size, size * 4, 0])
    layers.push([`${name}.proj_out`, size, size, 1])
  }
  const skips = [320]
  let from = 320
  for (const [level, size] of CHANNELS.entries()) {
    for (const layer of [0, 1]) {
      resnet(`down_blocks.${level}.resnets.${layer}`, from, size)
      if (level < 3) transformer(`down_blocks.${level}.attentions.${layer}`, size)
      skips.push(size)
      from = size
    }
    if (level < 3) {
      layers.push([`down_blocks.${level}.downsamplers.0.conv`, size, size, 3])
      skips.push(size)
    }
  }
  resnet('mid_block.resnets.0', from, from)
  transformer('mid_block.attentions.0', from)
  resnet('mid_block.resnets.1', from, from)
  for (const [level, size] of CHANNELS.toReversed().entries()) {
    for (const layer of [0, 1, 2]) {
      resnet(`up_blocks.${level}.resnets.${layer}`, from + skips.pop(), size)
      if (level > 0) transformer(`up_blocks.${level}.attentions.${layer}`, size)
      from = size
    }
    if (level < 3) layers.push([`up_blocks.${level}.upsamplers.0.conv`, size, size, 3])
  }
  layers.push(['conv_out', 4, 320, 3])
  return layers
}

/** Writes the graph's operations, unconnected, and their weights: nothing here runs it. Returns the number of weights. */
async function writeUnet(path, layers) {
  await mkdir(join(path, 'unet'), { recursive: true })
  const data = await open(join(path, 'unet/model.onnx_data'), 'w')
  const nodes = []
  const weights = []
  let offset = 0
  for (const [index, [module, to, from, kernel]] of layers.entries()) {
    const count = to * from * Math.max(1, kernel) ** 2
    const shape = kernel > 0 ? [to, from, kernel, kernel] : [from, to]
    const name = kernel > 0 ? `${module}.weight` : `onnx::MatMul_${index}`
    const operator = kernel > 0 ? 'Conv' : 'MatMul'
    const at = { type: 'float16', location: 'model.onnx_data', offset, length: count * 2 }
    weights.push(externalWeight(name, shape, at))
    nodes.push(
      namedNode(`/${module.replaceAll(/\.(?!\d)/g, '/')}/${operator}`, operator, [`x${index}`, name], `y${index}`),
    )
    await data.write(halves(count))
    offset += count * 2
  }
  await data.sync()
  await data.close()
  await writeFile(join(path, 'unet/model.onnx'), model({ inputs: {}, outputs: {}, nodes, weights }))
  return offset / 2
}

/** A kohya file for everything inside the transformers, as its trainer makes it. Returns the number of layers. */
async function writeLora(path, layers) {
  await mkdir(path)
  const header = {}
  const chunks = []
  let offset = 0
  const add = (name, shape, bytes) => {
    header[name] = { dtype: 'F16', shape, data_offsets: [offset, offset + bytes.length] }
    chunks.push(bytes)
    offset += bytes.length
  }
  const adapted = layers.filter(([module]) => module.includes('attentions'))
  for (const [module, to, from, kernel] of adapted) {
    const name = `lora_unet_${module.replaceAll('.', '_')}`
    const square = kernel > 0 ? [1, 1] : []
    add(`${name}.alpha`, [], Buffer.from(Uint16Array.of(0x4c00).buffer))
    add(`${name}.lora_down.weight`, [RANK, from, ...square], halves(RANK * from))
    add(`${name}.lora_up.weight`, [to, RANK, ...square], halves(to * RANK))
  }
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  await writeFile(join(path, 'lora.safetensors'), Buffer.concat([length, json, ...chunks]))
  return adapted.length
}

/** Half-precision numbers between 0.007 and 0.06 of either sign. */
function halves(count) {
  const values = new Uint16Array(count)
  for (let index = 0; index < count; index++) {
    const bits = Math.imul(index + 1, 0x9e3779b1) >>> 16
    values[index] = (bits & 0x8000) | (0x2000 + (bits & 0xbff))
  }
  return new Uint8Array(values.buffer)
}
