import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../../../src/base/packageRoot.js'
import { requireModelKind } from '../../../../src/core/inference/pipelines/requireModelKind.js'

const refusal = async (folder: string, wanted: 'pictures' | 'text'): Promise<string> => {
  try {
    await requireModelKind({ id: 'x', path: join(packageRoot, folder) }, wanted)
    return 'fits'
  } catch (error) {
    const { code, message, remedy } = error as Record<string, string>
    return [code, message, remedy].join(' | ')
  }
}

test.each([
  ['models/tiny-shapes', 'pictures'],
  ['models/tiny-chat', 'text'],
  ['test/vectors/sdxl/sdxl-tiny', 'pictures'],
  ['test/vectors/lm/tiny-llama', 'text'],
  // What cannot be told is left to who reads the files.
  ['src', 'pictures'],
  ['src', 'text'],
  ['nowhere', 'text'],
  ['test/vectors/sd15-extras/unet-lcm', 'text'],
] as const)('%s for %s fits, or cannot be told', async (folder, wanted) => {
  expect(await refusal(folder, wanted)).toBe('fits')
})

test.each([
  ['models/tiny-chat', /field base_model is a language model.* \| Name a Stable Diffusion model in base_model\.$/],
  ['test/vectors/sdxl/sdxl-tiny-refiner', /is a refiner .* \| Name it in refiner\.model/],
  ['test/vectors/sd15-extras/controlnet-tiny', /is a ControlNet.* \| Name it in controlnet\.model/],
  ['test/vectors/sd15-extras/unet-lcm', /is a network alone.* \| Name it in unet/],
  ['test/vectors/sd15-extras/lora', /is a LoRA or a textual inversion.* \| Name it in lora\.model/],
])('%s is refused as the model of a task for pictures, and told where it belongs', async (folder, expected) => {
  const text = await refusal(folder, 'pictures')
  expect(text).toMatch(expected)
  expect(text).toMatch(/^CRYNUX_MODEL_MISMATCH \| /)
})

test.each(['models/tiny-shapes', 'test/vectors/sd15-extras/lora'])('%s is refused for text', async (folder) => {
  expect(await refusal(folder, 'text')).toMatch(
    /of field model is .* task for text \| Name a language model in model\.$/,
  )
})
