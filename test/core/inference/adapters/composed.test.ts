import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packageRoot } from '../../../../src/base/packageRoot.js'
import { createLoraSessions } from '../../../../src/core/inference/adapters/lora/loraSessions.js'
import { createTextualInversionSessions } from '../../../../src/core/inference/adapters/textualInversion/textualInversionSessions.js'
import type { ModelFolders } from '../../../../src/core/inference/modelFile.js'
import { loadStableDiffusion } from '../../../../src/core/inference/pipelines/stableDiffusion.js'
import { encodePrompts } from '../../../../src/core/inference/prompt/encodePrompts.js'
import { createPromptEncoder, ONLY_ENCODER } from '../../../../src/core/inference/prompt/promptEncoder.js'
import { parseImageArguments } from '../../../../src/core/task/arguments.js'
import { relativeDeviation } from '../../../helpers/deviation.js'
import { readNpy } from '../../../helpers/npy.js'
import { sd15Model as base, openSessions } from '../../../helpers/sd15Model.js'

const folder = join(packageRoot, 'test/vectors/sd15-extras')
const lora = { id: 'golden/lora', path: join(folder, 'lora') }
const controlnet = { id: 'golden/controlnet-tiny', path: join(folder, 'controlnet-tiny') }
const textualInversion = { id: 'golden/single', path: join(folder, 'textual_inversion/single') }
const vae = { id: 'golden/vae-alt', path: join(folder, 'vae-alt') }

let cacheFolder = ''
beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'crynux-composed-'))
})
afterAll(() => rm(cacheFolder, { recursive: true, force: true }))

/** The stores one behind the other, as a task has them. */
async function sessionsFor({ lora: withLora, textualInversion: inversion, ...others }: ModelFolders) {
  const sessions = openSessions()
  const models = { ...others, ...(inversion ? { textualInversion: inversion } : {}) }
  const task = { model: lora.id, weight_file_name: 'kohya.safetensors', weight: 100 }
  const merged = withLora
    ? await createLoraSessions(sessions, { lora: task, models: { ...models, lora: withLora }, cacheFolder })
    : sessions
  return inversion
    ? createTextualInversionSessions(merged, { models: { ...models, textualInversion: inversion }, cacheFolder })
    : merged
}

describe('adapters together', () => {
  test('every one of them acts, and the same task gives the same picture', async () => {
    const all: ModelFolders = { base, lora, controlnet, textualInversion, vae }
    const control = readFileSync(join(folder, 'control_images/c0.png')).toString('base64')
    const draw = async (models: ModelFolders) => {
      const pipeline = await loadStableDiffusion(models, await sessionsFor(models))
      const task = parseImageArguments({
        base_model: base.id,
        prompt: 'a photo of <blue-thing>',
        task_config: { image_width: 64, image_height: 64, steps: 2, seed: 5, num_images: 1, cfg: 5 },
        ...(models.controlnet
          ? { controlnet: { model: controlnet.id, weight: 80, image_dataurl: `data:image/png;base64,${control}` } }
          : {}),
      })
      const [picture] = await pipeline.run(task, { onProgress: () => {}, onStageEnd: () => {} })
      return Buffer.from(picture?.data ?? []).toString('base64')
    }
    const whole = await draw(all)
    expect(await draw(all)).toBe(whole)
    const drawn = new Set([whole])
    for (const name of ['lora', 'controlnet', 'textualInversion', 'vae'] as const) {
      const { [name]: _, ...rest } = all
      drawn.add(await draw(rest as ModelFolders))
    }
    expect(drawn.size).toBe(5)
  })

  test('a LoRA is merged into the UNet that takes residuals as into the plain one', async () => {
    const sessions = await sessionsFor({ base, lora, controlnet })
    const unet = await sessions.open(controlnet, 'unet_with_residuals/model.onnx')
    const tensor = (name: string) => {
      const { data, shape } = readNpy(join(folder, 'lora', `${name}.npy`))
      return { data: Float32Array.from(data), dims: shape }
    }
    const sample = tensor('probe.sample')
    const [batch = 1, , height = 0, width = 0] = sample.dims
    const none = (channels: number, scale: number) => {
      const dims = [batch, channels, height / scale, width / scale]
      return { data: new Float32Array(dims.reduce((product, each) => product * each)), dims }
    }
    const { out_sample } = await unet.run(
      {
        sample,
        timestep: { data: [321], dims: [1] },
        encoder_hidden_states: tensor('probe.encoder_hidden_states'),
        down_block_0: none(16, 1),
        down_block_1: none(16, 1),
        down_block_2: none(16, 2),
        down_block_3: none(32, 2),
        mid_block: none(32, 2),
      },
      ['out_sample'],
    )
    const golden = readNpy(join(folder, 'lora/probe.kohya@1.0.out.npy')).data
    expect(relativeDeviation(out_sample.data, golden)).toBeLessThan(1e-5)
  })

  test('a learned word leaves the other embeddings of a LoRA alone', async () => {
    const encode = async (models: ModelFolders, prompt: string) => {
      const sessions = await sessionsFor(models)
      const encoder = await createPromptEncoder(base, sessions, ONLY_ENCODER, models.textualInversion)
      return (await encodePrompts(encoder, prompt, ''))[0].data
    }
    const merged = await encode({ base, lora }, 'a red dog')
    expect(await encode({ base, lora, textualInversion }, 'a red dog')).toEqual(merged)
    expect(await encode({ base, textualInversion }, 'a red dog')).not.toEqual(merged)
    const word = await encode({ base, lora, textualInversion }, 'a <blue-thing> dog')
    expect(word).not.toEqual(await encode({ base, textualInversion }, 'a <blue-thing> dog'))
  })
})
