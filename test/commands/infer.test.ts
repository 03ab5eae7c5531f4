import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packageRoot } from '../../src/base/packageRoot.js'
import { readGoldenCases } from '../helpers/goldenPictures.js'
import { isAlive } from '../helpers/isAlive.js'
import { safetyCheckerModel } from '../helpers/onnxModel.js'
import { sdxlVectors } from '../helpers/sdxlModel.js'
import { until } from '../helpers/until.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crynux-infer-'))
  for (const name of ['home', 'temp', 'hostile/owner/lora']) await mkdir(join(folder, name), { recursive: true })
  // A header that is said to be longer than the file.
  await writeFile(join(folder, 'hostile/owner/lora/a.safetensors'), Buffer.from('ffffff7f00000000{"a":', 'latin1'))
})
afterAll(() => rm(folder, { recursive: true }))

type Ended = { status: number; stdout: string; stderr: string }

/** Runs the built program. */
function crynux(args: string[], stdin = ''): Promise<Ended> {
  return new Promise((resolve) => {
    const env = {
      PATH: process.env.PATH ?? '',
      HOME: join(folder, 'home'),
      TMPDIR: join(folder, 'temp'),
      NO_COLOR: '1',
    }
    const child = execFile(
      process.execPath,
      [join(packageRoot, 'bin/crynux.js'), ...args],
      { cwd: folder, env },
      (error, stdout, stderr) => resolve({ status: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    )
    child.stdin?.end(stdin)
  })
}

const filesBelow = (path: string): string[] =>
  existsSync(path)
    ? readdirSync(path, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => join(parentPath, name))
    : []

const PROMPT = 'a big red circle on a blue background'

describe('crynux infer', () => {
  test('writes pictures and prints one JSON document', async () => {
    const out = join(folder, 'pictures')
    const { status, stdout, stderr } = await crynux([
      'infer',
      '--prompt',
      PROMPT,
      '--num-images',
      '2',
      '--out',
      out,
      '--json',
    ])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const { schema, data } = JSON.parse(stdout)
    expect(schema).toBe('crynux.infer/v1')
    expect(data.score).toMatch(/^0x[0-9a-f]{32}$/)
    expect(data.timings.total).toBeGreaterThan(0)
    expect(await readdir(out)).toEqual(['0.png', '1.png'])
    for (const { path, sha256 } of data.files) {
      expect(
        createHash('sha256')
          .update(await readFile(path))
          .digest('hex'),
      ).toBe(sha256)
    }
    // The same core hashes the file as the node hashed the pixels.
    const hashed = await crynux(['phash', join(out, '0.png'), '--json'])
    expect(JSON.parse(hashed.stdout).data[0].phash).toBe(data.score.slice(0, 18))
  })

  test('takes arguments from standard input and a model from --model-root', async () => {
    const root = join(folder, 'models')
    await cp(join(packageRoot, 'models/tiny-shapes'), join(root, 'owner/copy'), { recursive: true })
    const task = {
      base_model: 'owner/copy',
      prompt: PROMPT,
      task_config: { image_width: 128, image_height: 128, steps: 2, num_images: 1 },
    }
    const { status, stdout } = await crynux(
      ['infer', '--arguments', '-', '--out', join(folder, 'stdin'), '--model-root', root],
      JSON.stringify(task),
    )
    expect(status).toBe(0)
    expect(stdout).toMatch(/0\.png\nscore {3}0x[0-9a-f]{16}\ntimings load/)

    await truncate(join(root, 'owner/copy/unet/model.onnx'), 1000)
    const damaged = await crynux(
      ['infer', '--arguments', '-', '--out', join(folder, 'stdin'), '--model-root', root],
      JSON.stringify(task),
    )
    expect(damaged).toMatchObject({ status: 12, stdout: '' })
    expect(damaged.stderr).toContain(
      "error: file unet/model.onnx of model 'owner/copy' is damaged or not an ONNX model\n",
    )
  })

  test('Stable Diffusion XL with a refiner: the score is that of the original', async () => {
    const golden = readGoldenCases(sdxlVectors).find(({ id }) => id === '20-refiner')
    const task = { ...golden?.task_args, base_model: 'sdxl-tiny' }
    const refiner = { ...(golden?.task_args.refiner as object), model: 'sdxl-tiny-refiner' }
    const { status, stdout } = await crynux(
      ['infer', '--arguments', '-', '--out', join(folder, 'refined'), '--model-root', sdxlVectors, '--json'],
      JSON.stringify({ ...task, refiner }),
    )
    expect(status).toBe(0)
    const { data } = JSON.parse(stdout)
    expect(data.score).toBe(golden?.score_hex)
    expect(data.timings.refine).toBeGreaterThan(0)
    expect(data.environment).toMatchObject({ pipeline: 'stable-diffusion-xl', safetyChecker: 'none' })
  })

  test('a picture that the safety checker blacks out is said to be', async () => {
    const root = join(folder, 'checked-models')
    await cp(join(packageRoot, 'models/tiny-shapes'), join(root, 'owner/checked'), { recursive: true })
    await mkdir(join(root, 'owner/checked/safety_checker'))
    await writeFile(join(root, 'owner/checked/safety_checker/model.onnx'), safetyCheckerModel({ limit: -9 }))
    const out = join(folder, 'checked')
    const args = ['infer', '--prompt', PROMPT, '--model', 'owner/checked', '--model-root', root, '--steps', '1']
    const { stdout } = await crynux([...args, '--out', out])
    expect(stdout).toContain(`${join(out, '0.png')} (blacked out by the safety checker)\nscore `)
  })

  test('answers a message, and the file has the printed score', async () => {
    const out = join(folder, 'answer')
    const { status, stdout } = await crynux(['infer', '--message', 'What is 7 plus 5?', '--out', out])
    expect(status).toBe(0)
    const [answer, , path, score] = stdout.split('\n')
    expect(answer).toBe('7 + 5 = 12.')
    expect(path).toBe(join(out, '0.json'))
    const file = await readFile(join(out, '0.json'))
    expect(score).toBe(`score   0x${createHash('sha256').update(file).digest('hex')}`)
    const json = await crynux(['infer', '--message', 'What is 7 plus 5?', '--out', out, '--json'])
    expect(JSON.parse(json.stdout).data).toMatchObject({
      score: score?.slice(8),
      response: JSON.parse(file.toString()),
    })
  })

  test('text arguments name a model of --model-root, whose damage is reported by file', async () => {
    const root = join(folder, 'text-models')
    await cp(join(packageRoot, 'models/tiny-chat'), join(root, 'owner/chat'), { recursive: true })
    const task = { model: 'owner/chat', messages: [{ role: 'user', content: 'What is 3 plus 4?' }] }
    const args = ['infer', '--arguments', '-', '--out', join(folder, 'text'), '--model-root', root, '--json']
    const { stdout } = await crynux(args, JSON.stringify(task))
    expect(JSON.parse(stdout).data.response).toMatchObject({
      model: 'owner/chat',
      choices: [{ message: { content: '3 + 4 = 7.' } }],
    })
    await truncate(join(root, 'owner/chat/onnx/model.onnx'), 1000)
    const damaged = await crynux(args, JSON.stringify(task))
    expect({ ...damaged, stderr: JSON.parse(damaged.stderr).error.message }).toEqual({
      status: 12,
      stdout: '',
      stderr: "file onnx/model.onnx of model 'owner/chat' is damaged or not an ONNX model",
    })
  })

  /** Tasks for `--arguments hostile/<name>.json`, with the golden models as --model-root. */
  const control = (bytes: Uint8Array) => ({
    base_model: 'sd15/sd15-tiny',
    prompt: 'a',
    task_config: { image_width: 64, image_height: 64 },
    controlnet: {
      model: 'sd15-extras/controlnet-tiny',
      image_dataurl: `data:image/png;base64,${Buffer.from(bytes).toString('base64')}`,
    },
  })
  const bomb = () => {
    const png = readFileSync(join(packageRoot, 'test/vectors/phash/rgb-1x1.png'))
    png.writeUInt32BE(60_000, 16)
    png.writeUInt32BE(60_000, 20)
    return png
  }
  const HOSTILE: Record<string, () => unknown> = {
    'long-prompt': () => ({ base_model: 'embedded:tiny-shapes', prompt: 'x'.repeat(16 * 1024 + 1) }),
    'no-picture': () => control(Buffer.from('GIF89a, or something like it')),
    'picture-bomb': () => control(bomb()),
    nested: () => ({
      base_model: 'embedded:tiny-shapes',
      prompt: 'a',
      lora: JSON.parse('['.repeat(999) + ']'.repeat(999)),
    }),
    'no-object': () => [1],
    'broken-lora': () => ({
      base_model: 'embedded:tiny-shapes',
      prompt: 'a',
      task_config: { image_width: 64, image_height: 64 },
      lora: { model: 'owner/lora' },
    }),
  }
  const hostile = (name: string) => [
    '--arguments',
    `hostile/${name}.json`,
    '--model-root',
    join(packageRoot, 'test/vectors'),
  ]

  test.each<[string[], number, string]>([
    [['--prompt', PROMPT, '--steps', '0'], 2, '--steps is 0'],
    [['--prompt', ''], 2, '--prompt is empty'],
    [['--prompt', PROMPT, '--size', '3'], 2, 'the width in --size is 3'],
    [['--prompt', PROMPT, '--model', 'owner/unknown'], 12, "model 'owner/unknown' is not on this machine"],
    [['--arguments', 'missing.json'], 2, "'missing.json' cannot be read"],
    [['--message', 'hi', '--steps', '3'], 2, '--message and --steps are both given'],
    [
      ['--message', 'hi', '--model', 'embedded:tiny-shapes'],
      12,
      'is a model for pictures, which cannot be the model of a task for text',
    ],
    [['--prompt', PROMPT, '--size', '136'], 2, 'must be a multiple of 32 for this model'],
    [hostile('long-prompt'), 2, 'field prompt is 16385 bytes long'],
    [hostile('no-picture'), 2, 'field controlnet.image_dataurl holds no PNG, JPEG or WebP picture'],
    [hostile('picture-bomb'), 2, 'field controlnet.image_dataurl holds a picture of 60000 × 60000 pixels'],
    [hostile('nested'), 2, 'is nested deeper than 32 levels'],
    [hostile('no-object'), 2, 'the arguments are not a JSON object'],
    [
      ['--arguments', 'hostile/broken-lora.json', '--model-root', 'hostile'],
      12,
      "file a.safetensors of model 'owner/lora' has a header longer than the file",
    ],
  ])('%j ends with %d and one clear line, and leaves nothing behind', async (args, expected, message) => {
    const [, name = ''] = /hostile\/(.*)\.json/.exec(args[1] ?? '') ?? []
    const content = HOSTILE[name]?.()
    if (content) await writeFile(join(folder, 'hostile', `${name}.json`), JSON.stringify(content))
    const out = join(folder, 'bad', name)
    const { status, stdout, stderr } = await crynux(['infer', ...args, '--out', out])
    expect({ status, stdout }).toEqual({ status: expected, stdout: '' })
    const lines = stderr
      .trimEnd()
      .split('\n')
      .filter((line) => !/^(loading|encoding)/.test(line))
    expect(lines[0]).toContain(`error: `)
    expect(lines[0]).toContain(message)
    expect(lines).toHaveLength(2)
    const left = [join(folder, 'temp'), join(folder, 'home'), out].map(filesBelow)
    // Later versions of Node keep compiled code there.
    expect(left.flat().filter((file) => !file.includes('node-compile-cache'))).toEqual([])
  })

  test('Ctrl-C ends it with status 130, without a picture', async () => {
    const out = join(folder, 'interrupted')
    const args = ['infer', '--prompt', PROMPT, '--steps', '100', '--num-images', '10', '--out', out]
    const child = spawn(process.execPath, [join(packageRoot, 'bin/crynux.js'), ...args], {
      cwd: folder,
      env: { PATH: process.env.PATH ?? '', HOME: folder },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child.stderr.on('data', (text: Buffer) => {
      if (text.includes('denoising')) child.kill('SIGINT')
    })
    const status = await new Promise((resolve) => child.once('exit', resolve))
    expect(status).toBe(130)
    expect(await readdir(out).catch(() => [])).toEqual([])
  })

  test.runIf(process.platform === 'linux')('kill -9 leaves no inference process behind', async () => {
    const args = ['infer', '--prompt', PROMPT, '--steps', '100', '--num-images', '10', '--out', join(folder, 'killed')]
    const child = spawn(process.execPath, [join(packageRoot, 'bin/crynux.js'), ...args], {
      cwd: folder,
      env: { PATH: process.env.PATH ?? '', HOME: folder },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let inference: number[] = []
    child.stderr.on('data', (text: Buffer) => {
      if (!text.includes('denoising') || inference.length > 0) return
      const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')
      inference = children.trim().split(' ').map(Number)
      child.kill('SIGKILL')
    })
    await new Promise((resolve) => child.once('exit', resolve))
    expect(inference).toHaveLength(1)
    await until(() => !inference.some(isAlive), {
      timeoutMs: 5000,
      what: 'the inference process ends after its parent',
    })
  })

  test('an unknown field is an error document with --json', async () => {
    await writeFile(join(folder, 'task.json'), JSON.stringify({ base_model: 'x', prompt: 'x', stepz: 3 }))
    const { status, stdout, stderr } = await crynux(['infer', '--arguments', 'task.json', '--out', folder, '--json'])
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(JSON.parse(stderr)).toMatchObject({
      schema: 'crynux.error/v1',
      error: { code: 'CRYNUX_INVALID_ARGUMENTS', message: 'field stepz is not known; did you mean task_config.steps?' },
    })
  })
})
