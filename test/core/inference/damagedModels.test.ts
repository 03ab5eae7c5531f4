import { readdirSync, statSync } from 'node:fs'
import { cp, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { expect, onTestFinished, test } from 'vitest'
import { packageRoot } from '../../../src/base/packageRoot.js'
import { runTask } from '../../../src/core/inference/childProcess/runTask.js'
import { createSessionStore } from '../../../src/core/inference/session.js'
import { parseTaskArguments } from '../../../src/core/task/arguments.js'

const IMAGE = { base_model: 'x', prompt: 'a', task_config: { image_width: 64, image_height: 64, num_images: 1 } }
const TEXT = { model: 'x', messages: [{ role: 'user', content: 'a' }], generation_config: { max_new_tokens: 1 } }

const MODELS: { name: string; task: object; ignored: string[]; optional: string[]; foreign: string }[] = [
  {
    name: 'tiny-shapes',
    task: IMAGE,
    // The tokenizer is described by tokenizer.json, the rest is for other programs and for the command line.
    ignored: [
      'crynux.json',
      'model_index.json',
      'text_encoder/config.json',
      'tokenizer/merges.txt',
      'tokenizer/special_tokens_map.json',
      'tokenizer/vocab.json',
    ],
    // vocab.json and merges.txt take its place.
    optional: ['tokenizer/tokenizer.json'],
    foreign: 'tiny-chat/onnx/model.onnx',
  },
  {
    name: 'tiny-chat',
    task: TEXT,
    ignored: ['special_tokens_map.json'],
    optional: ['generation_config.json'],
    foreign: 'tiny-shapes/unet/model.onnx',
  },
]

/** What can happen to a file; undefined where the damage makes no sense for it. */
const DAMAGES: Record<string, (content: Buffer, foreign: Buffer) => Buffer | undefined> = {
  'is empty': () => Buffer.alloc(0),
  'is cut in half': (content) => content.subarray(0, content.length >> 1),
  'is noise': (content) => Buffer.from(content.map((_, index) => Math.imul(index + 1, 0x9e3779b1) >>> 24)),
  'is something else': (content, foreign) => (content[0] === 0x7b ? Buffer.from('[]') : foreign),
}

test.each(MODELS)('$name: each file that is missing, damaged or mismatched is named in one line', async (model) => {
  const folder = await mkdtemp(join(tmpdir(), 'crynux-damaged-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const path = join(folder, model.name)
  await cp(join(packageRoot, 'models', model.name), path, { recursive: true })
  const foreign = await readFile(join(packageRoot, 'models', model.foreign))
  const sessions = createSessionStore(ort)
  const task = parseTaskArguments(model.task)
  const refusal = async (): Promise<string> => {
    const dependencies = { ort, sessions, now: () => 0, onProgress: () => {} }
    try {
      await runTask({ task, models: { base: { id: 'owner/model', path } } }, dependencies)
      return 'works'
    } catch (error) {
      const { code, exitCode, message, remedy } = error as Record<string, string>
      return code === 'CRYNUX_MODEL_FILE' && Number(exitCode) === 12 && remedy && !/\n/.test(message ?? '')
        ? (/^file (\S+) of model 'owner\/model' /.exec(message ?? '')?.[1] ?? `names no file: ${message}`)
        : `ends with ${code}: ${message}`
    }
  }
  expect(await refusal()).toBe('works')

  const files = readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((file) =>
    statSync(join(path, file)).isFile(),
  )
  expect(files).toEqual(expect.arrayContaining([...model.ignored, ...model.optional]))
  const found: Record<string, string> = {}
  const wanted: Record<string, string> = {}
  for (const file of files) {
    const place = join(path, file)
    // Moved away and back: what is as it was need not be loaded again.
    await rename(place, join(folder, 'kept'))
    if (model.ignored.includes(file)) {
      found[file] = await refusal()
      wanted[file] = 'works'
      await rename(join(folder, 'kept'), place)
      continue
    }
    found[`${file} is missing`] = await refusal()
    wanted[`${file} is missing`] = model.optional.includes(file) ? 'works' : file
    const content = await readFile(join(folder, 'kept'))
    for (const [what, damage] of Object.entries(DAMAGES)) {
      const damaged = damage(content, foreign)
      if (damaged === undefined) continue
      await writeFile(place, damaged)
      found[`${file} ${what}`] = await refusal()
      wanted[`${file} ${what}`] = file
    }
    await rename(join(folder, 'kept'), place)
  }
  expect(found).toEqual(wanted)
})
