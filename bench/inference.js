// Prints where the time of a picture goes: npm run bench -- inference
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { bundleSources } from './lib/bundleSources.js'
import { writeHeavyModel } from './lib/heavyModel.js'
import { interleaved, quantile, spread } from './lib/interleaved.js'
import { table } from './lib/table.js'

const root = join(import.meta.dirname, '..')
const ROUNDS = 5

// The child process that the engine starts is the built one.
spawnSync(process.execPath, [join(root, 'scripts/build.js'), '--if-stale'], { stdio: 'inherit' })
const { createInferenceEngine, createSessionStore, parseTaskArguments, runTask } = await bundleSources({
  createInferenceEngine: 'core/inference/engine',
  createSessionStore: 'core/inference/session',
  parseTaskArguments: 'core/task/arguments',
  runTask: 'core/inference/childProcess/runTask',
})

const embedded = join(root, 'models/tiny-shapes')
const folder = await mkdtemp(join(tmpdir(), 'crynux-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const heavy = join(folder, 'heavy')
await writeHeavyModel(embedded, heavy)

const taskOf = (side, steps) =>
  parseTaskArguments({
    base_model: 'bench/model',
    prompt: 'a big red circle on a blue background',
    negative_prompt: 'blurry',
    task_config: { image_width: side, image_height: side, steps, cfg: 4, num_images: 1 },
  })
const PICTURES = {
  'embedded, 128 × 128, 10 steps': { path: embedded, task: taskOf(128, 10), repeat: 5 },
  'generated, 512 × 512, 4 steps': { path: heavy, task: taskOf(512, 4), repeat: 1 },
}

/** The runtime, with a clock around every run of a network. */
let inNetworks = 0
const timedRuntime = {
  Tensor: ort.Tensor,
  env: ort.env,
  InferenceSession: {
    async create(...settings) {
      const session = await ort.InferenceSession.create(...settings)
      const run = session.run.bind(session)
      session.run = async (...given) => {
        const start = performance.now()
        const results = await run(...given)
        inNetworks += performance.now() - start
        return results
      }
      return session
    },
  },
}

const sessions = createSessionStore(timedRuntime)
const measured = Object.fromEntries(Object.keys(PICTURES).map((name) => [name, []]))
await interleaved(
  Object.fromEntries(
    Object.entries(PICTURES).map(([name, { path, task, repeat }]) => [
      name,
      async () => {
        for (let time = 0; time < repeat; time++) {
          inNetworks = 0
          const start = performance.now()
          const { timings } = await runTask(
            { task, models: { base: { id: 'bench/model', path } } },
            { ort: timedRuntime, sessions, now: () => performance.now(), onProgress() {} },
          )
          const whole = performance.now() - start
          measured[name].push({ ...timings, whole, inNetworks, outside: whole - inNetworks, ratio: whole / inNetworks })
        }
      },
    ]),
  ),
  { rounds: ROUNDS, warmUp: 1 },
)
for (const [name, { repeat }] of Object.entries(PICTURES)) measured[name].splice(0, repeat)

/** Through the engine: the first picture starts a process and loads the model, the second finds both. */
const silent = { debug() {}, info() {}, warn() {}, error() {} }
const started = Object.fromEntries(Object.keys(PICTURES).map((name) => [name, []]))
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, { path, task }] of Object.entries(PICTURES)) {
    const engine = createInferenceEngine({
      modelFolder: async () => path,
      logger: silent,
      childEntry: join(root, 'dist/inferenceChild.js'),
    })
    const signal = new AbortController().signal
    const start = performance.now()
    let childStarted
    const onProgress = () => {
      childStarted ??= performance.now() - start
    }
    const first = await engine.run(task, { signal, onProgress })
    const cold = performance.now() - start
    const again = performance.now()
    const second = await engine.run(task, { signal })
    const warm = performance.now() - again
    await engine.close()
    started[name].push({ childStarted, load: first.timings.load, cold, messages: warm - second.timings.total })
  }
}

const names = Object.keys(PICTURES)
const milliseconds = (values) => {
  const [best, median, high] = spread(values).map((ms) => ms.toFixed(ms < 100 ? 1 : 0))
  return `${median} (${best}…${high})`
}
const row = (label, of, key) => [label, ...names.map((name) => milliseconds(of[name].map((each) => each[key])))]
const share = (values) => `${((quantile(values, 0.5) - 1) * 100).toFixed(1)} %`
console.log(
  table(
    ['ms: median (best…90 %)', ...names],
    [
      row('a picture, model loaded', measured, 'whole'),
      row('in the networks', measured, 'inNetworks'),
      row('outside of them', measured, 'outside'),
      [
        '**outside ÷ in the networks**',
        ...names.map((name) => `**${share(measured[name].map(({ ratio }) => ratio))}**`),
      ],
      ...['load', 'encode', 'denoise', 'decode', 'hash', 'png'].map((stage) => row(STAGES()[stage], measured, stage)),
      row('messages between the processes', started, 'messages'),
      row('first picture: process started', started, 'childStarted'),
      row('first picture: model loaded', started, 'load'),
      row('first picture, in all', started, 'cold'),
    ],
  ),
)

function STAGES() {
  return {
    load: 'of it: models looked up',
    encode: 'prompt encoded',
    denoise: 'denoised',
    decode: 'decoded',
    hash: 'p-hash',
    png: 'PNG',
  }
}
