import { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import {
  addImageArgumentOptions,
  type ImageArgumentFlags,
  readImageArguments,
} from '../../../src/commands/options/imageArguments.js'

const card = async (model: string) =>
  model === 'embedded:tiny-shapes' ? { width: 128, height: 96, steps: 10, cfg: 4 } : {}

function read(argv: string[], files: Record<string, string> = {}) {
  const command = addImageArgumentOptions(new Command('test')).exitOverride()
  command.parse(argv, { from: 'user' })
  return readImageArguments(command.opts<ImageArgumentFlags>(), { card, readFile: async (path) => files[path] ?? '' })
}

describe('task arguments from the command line', () => {
  test("the model's card fills in what the user leaves open", async () => {
    expect(await read(['--prompt', 'a cat'])).toMatchObject({
      kind: 'image',
      arguments: {
        base_model: 'embedded:tiny-shapes',
        prompt: 'a cat',
        negative_prompt: '',
        task_config: { image_width: 128, image_height: 96, steps: 10, cfg: 4, num_images: 1, seed: 0 },
      },
    })
  })

  test('the user is heard first', async () => {
    const flags = [
      '--prompt',
      'a cat',
      '--negative-prompt',
      'a dog',
      '--size',
      '64x72',
      '--steps',
      '3',
      '--cfg',
      '0',
      '--seed',
      '7',
      '--num-images',
      '2',
      '--scheduler',
      'LCMScheduler',
    ]
    expect(await read(flags)).toMatchObject({
      arguments: {
        negative_prompt: 'a dog',
        task_config: { image_width: 64, image_height: 72, steps: 3, cfg: 0, seed: 7, num_images: 2 },
        scheduler: { method: 'LCMScheduler' },
      },
    })
    expect(await read(['--prompt', 'a cat', '--size', '256'])).toMatchObject({
      arguments: { task_config: { image_width: 256, image_height: 256 } },
    })
  })

  test("a model without a card gets the schema's defaults", async () => {
    expect(await read(['--prompt', 'a cat', '--model', 'owner/name'])).toMatchObject({
      arguments: { base_model: 'owner/name', task_config: { image_width: 512, steps: 1, cfg: 5, num_images: 1 } },
    })
  })

  test("a file is heard first, then the model's card, then the schema", async () => {
    const files = {
      'task.json': '{"base_model":"embedded:tiny-shapes","prompt":"a cat"}',
      'sized.json':
        '{"base_model":{"name":"embedded:tiny-shapes"},"prompt":"a cat","task_config":{"image_width":64,"steps":2}}',
      'other.json': '{"base_model":"owner/name","prompt":"a cat"}',
      // With the byte order mark that some editors write.
      '-': '\uFEFF{"model":"m","messages":[{"role":"user","content":"hi"}]}',
    }
    expect(await read(['--arguments', 'task.json'], files)).toMatchObject({
      arguments: { task_config: { image_width: 128, image_height: 96, steps: 10, cfg: 4, num_images: 6 } },
    })
    expect(await read(['--arguments', 'sized.json'], files)).toMatchObject({
      arguments: { task_config: { image_width: 64, image_height: 512, steps: 2, cfg: 4 } },
    })
    expect(await read(['--arguments', 'other.json'], files)).toMatchObject({
      arguments: { task_config: { image_width: 512, image_height: 512, steps: 1, cfg: 5 } },
    })
    expect(await read(['--arguments', '-'], files)).toMatchObject({ kind: 'text' })
  })

  test.each<[string[], string]>([
    [[], 'no picture is described'],
    [['--prompt', ''], '--prompt is empty, must be a text that is not empty, at most 16384 bytes'],
    [['--prompt', 'x', '--steps', '0'], '--steps is 0, must be a whole number 1…100'],
    [['--prompt', 'x', '--cfg', '21'], '--cfg is 21, must be a number 0…20'],
    [['--prompt', 'x', '--size', '3'], 'the width in --size is 3, must be a whole number 64…2048'],
    [['--arguments', 'task.json', '--steps', '3'], '--arguments and --steps are both given'],
    [['--arguments', 'broken.json'], "'broken.json' is not JSON"],
  ])('%j is refused', async (argv, message) => {
    await expect(read(argv, { 'task.json': '{}', 'broken.json': '{"prompt": "secret' })).rejects.toMatchObject({
      message,
      exitCode: 2,
    })
  })

  test.each([
    ['--steps', 'many'],
    ['--size', '64x'],
    ['--size', '-64'],
    ['--cfg', ''],
  ])('%s %j is refused while parsing', (flag, value) => {
    expect(() =>
      addImageArgumentOptions(new Command('test'))
        .exitOverride()
        .parse([`${flag}=${value}`], { from: 'user' }),
    ).toThrow(`${flag} is '${value}'`)
  })
})
