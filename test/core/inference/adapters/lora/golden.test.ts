import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { packageRoot } from '../../../../../src/base/packageRoot.js'
import { createLoraSessions } from '../../../../../src/core/inference/adapters/lora/loraSessions.js'
import { loadStableDiffusion } from '../../../../../src/core/inference/pipelines/stableDiffusion.js'
import { relativeDeviation } from '../../../../helpers/deviation.js'
import { argumentsOf, expectGolden, readGoldenCases } from '../../../../helpers/goldenPictures.js'
import { readNpy } from '../../../../helpers/npy.js'
import { openSessions, sd15Model } from '../../../../helpers/sd15Model.js'

const folder = join(packageRoot, 'test/vectors/sd15-extras/lora')
const lora = { id: 'golden/lora', path: folder }
const models = { base: sd15Model, lora }
const cacheFolder = mkdtempSync(join(tmpdir(), 'crynux-test-'))
const sessions = openSessions()
afterAll(() => rm(cacheFolder, { recursive: true, force: true }))

const withLora = (file: string, weight: number) =>
  createLoraSessions(sessions, { lora: { model: lora.id, weight_file_name: file, weight }, models, cacheFolder })

const tensor = (name: string) => {
  const { data, shape } = readNpy(join(folder, `${name}.npy`))
  return { data: Float32Array.from(data), dims: shape }
}

const files = ['kohya', 'kohya-fp16-unet', 'kohya-locon-mixed-rank', 'peft', 'diffusers', 'diffusers-old']
const probes = files.flatMap((file) => [[file, 100, '1.0'] as const, [file, 80, '0.8'] as const])

describe('a LoRA, against golden runs of the original', () => {
  test.each(probes)('%s at weight %i: one call of the UNet', async (file, weight, scale) => {
    const merged = await withLora(`${file}.safetensors`, weight)
    const unet = await merged.open(sd15Model, 'unet/model.onnx')
    const { out_sample: output } = await unet.run(
      {
        sample: tensor('probe.sample'),
        timestep: { data: [321], dims: [1] },
        encoder_hidden_states: tensor('probe.encoder_hidden_states'),
      },
      ['out_sample'],
    )
    const golden = tensor(`probe.${file}@${scale}.out`)
    expect(relativeDeviation(output.data, golden.data)).toBeLessThan(1e-5)
    // Another weight is another result: the weight acts.
    expect(relativeDeviation(output.data, tensor('probe.base.out').data)).toBeGreaterThan(0.01)
    expect(merged.environment().loraLayersIgnored).toBe(0)
  })

  test.each(readGoldenCases(folder).map((each) => [each.id, each] as const))('%s', async (id, golden) => {
    const task = argumentsOf(golden, sd15Model.id)
    const { weight_file_name: file, weight } = task.lora ?? { weight_file_name: '', weight: 0 }
    const pipeline = await loadStableDiffusion(models, await withLora(file, weight))
    await expectGolden(pipeline, task, { folder: join(folder, 'cases', id), golden })
  })
})
