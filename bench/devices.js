// Runs golden pictures, the embedded models and a repetition on every device that this machine can compute on, and prints a table:
// npm run bench -- devices
// node bench/devices.js [--devices cuda:0,webgpu] [--cases 8]
import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import sharp from 'sharp'
import { bundleSources } from './lib/bundleSources.js'
import { quantile } from './lib/interleaved.js'
import { table } from './lib/table.js'

const root = join(import.meta.dirname, '..')
const { values: flags } = parseArgs({
  options: { devices: { type: 'string' }, cases: { type: 'string', default: '8' } },
})

// The child processes are the built ones.
spawnSync(process.execPath, [join(root, 'scripts/build.js'), '--if-stale'], { stdio: 'inherit' })
const { createInferenceEngine, parseTaskArguments, parseDevices, readDevices, formatDevice } = await bundleSources({
  createInferenceEngine: 'core/inference/engine',
  parseTaskArguments: 'core/task/arguments',
  parseDevices: 'core/devices/device',
  formatDevice: 'core/devices/device',
  readDevices: 'roles/operator/readDevices',
})

const vectors = join(root, 'test/vectors/sd15')
const MODELS = {
  'sd15-tiny': join(vectors, 'sd15-tiny'),
  'embedded:tiny-shapes': join(root, 'models/tiny-shapes'),
  'embedded:tiny-chat': join(root, 'models/tiny-chat'),
}
const golden = JSON.parse(await readFile(join(vectors, 'cases.json'), 'utf8'))
  .cases.filter(({ images, kind, task_args: { task_config: size } }) => {
    return images && !kind && size.image_width >= 64 && size.image_height >= 64
  })
  .slice(0, Number(flags.cases))
const picture = parseTaskArguments({
  base_model: 'embedded:tiny-shapes',
  prompt: 'a big red circle on a blue background',
  task_config: { image_width: 128, image_height: 128, steps: 10, cfg: 4, num_images: 1 },
})
const chat = parseTaskArguments({
  model: 'embedded:tiny-chat',
  messages: [{ role: 'user', content: 'Tell me a story' }],
  generation_config: { max_new_tokens: 100 },
})
const ROUNDS = 3

const signal = new AbortController().signal
const report = await readDevices(signal)
const wanted = flags.devices && parseDevices(flags.devices).map(formatDevice)
const chosen = report.devices.filter(({ device }) => !wanted || wanted.includes(device))
const usable = chosen.filter(({ available }) => available)

const rows = []
let answerOfCpu
for (const { device, gpu } of usable) rows.push(await measure(device, gpu))
if (rows.length > 0) {
  const lines = Object.keys(rows[0]).map((name) => rows.map((row) => row[name]))
  const [devices, ...others] = lines
  const [, ...names] = Object.keys(rows[0])
  console.log(
    table(
      ['', ...devices],
      others.map((cells, at) => [names[at], ...cells]),
    ),
  )
}
for (const { device, available, reason } of chosen) if (!available) console.log(`\n${device}: not run, ${reason}`)
for (const note of report.notes) console.log(`\n${note}`)

async function measure(device, gpu) {
  const open = () =>
    createInferenceEngine({
      modelFolder: async (id) => MODELS[id],
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      device: parseDevices(device)[0],
    })
  const [engine, second] = [open(), open()]
  try {
    let bits = 0
    let equal = 0
    let pictures = 0
    let levels = 0
    let share = 0
    const shared = new Set()
    for (const each of golden) {
      const result = await engine.run(parseTaskArguments({ ...each.task_args, base_model: 'sd15-tiny' }), { signal })
      for (const name of String(result.environment.partlyOnCpu ?? '').split(', ')) if (name) shared.add(name)
      const hashes = result.score.slice(2).match(/.{16}/g)
      for (const [index, { file, phash }] of each.images.entries()) {
        const distance = differingBits(hashes[index], phash)
        const gap = await pixelGap(result.files[index].bytes, join(vectors, 'cases', each.id, file.split('/').at(-1)))
        pictures++
        bits = Math.max(bits, distance)
        equal += distance === 0
        levels = Math.max(levels, gap.levels)
        share = Math.max(share, gap.share)
      }
    }
    const times = []
    const runs = []
    for (let round = 0; round < ROUNDS; round++) {
      const result = await engine.run(picture, { signal })
      // The first run loads and compiles.
      if (round > 0) times.push(result.timings.total)
      runs.push(Buffer.from(result.files[0].bytes).toString('base64'))
    }
    runs.push(Buffer.from((await second.run(picture, { signal })).files[0].bytes).toString('base64'))
    await engine.run(chat, { signal })
    const answer = await engine.run(chat, { signal })
    if (device === 'cpu') answerOfCpu = answer.score
    const { usage } = JSON.parse(new TextDecoder().decode(answer.files[0].bytes))
    return {
      device,
      GPU: gpu ?? '',
      'golden p-hashes equal': `${equal} of ${pictures}`,
      'bits, at most': String(bits),
      'levels, at most': String(levels),
      'channels off, at most': `${(share * 100).toFixed(2)} %`,
      '128², 10 steps': `${Math.round(quantile(times, 0.5))} ms`,
      'tokens per second': String(Math.round((usage.completion_tokens * 1000) / (answer.timings.generate || 1))),
      'same answer as cpu': answerOfCpu === undefined ? 'not known' : answer.score === answerOfCpu ? 'yes' : 'no',
      [`${runs.length} runs, 2 processes`]: new Set(runs).size === 1 ? 'equal bytes' : `${new Set(runs).size} results`,
      'partly on the processor': [...shared].join(', ') || 'no',
    }
  } finally {
    await Promise.all([engine.close(), second.close()])
  }
}

function differingBits(one, other) {
  return (BigInt(`0x${one}`) ^ BigInt(`0x${other}`)).toString(2).replaceAll('0', '').length
}

async function pixelGap(png, file) {
  const [made, wanted] = await Promise.all([png, file].map((input) => sharp(input).raw().toBuffer()))
  const gaps = wanted.map((value, at) => Math.abs(value - made[at]))
  return { levels: Math.max(...gaps), share: gaps.filter((gap) => gap > 0).length / gaps.length }
}
