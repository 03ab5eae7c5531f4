// `npm run test:determinism`: the same picture and the same answer many times, in fresh and in used processes, on one and on two threads, with
// and without other load, under variables that other programs of this kind obey. Ends with 1 unless each has one hash.
// node scripts/testDeterminism.js [--runs 50]
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bundleSources } from '../bench/lib/bundleSources.js'

const root = join(import.meta.dirname, '..')
const { values: flags } = parseArgs({ options: { runs: { type: 'string', default: '50' } } })

// The child processes are the built ones.
spawnSync(process.execPath, [join(root, 'scripts/build.js'), '--if-stale'], { stdio: 'inherit' })
const { createInferenceEngine, createModelStore, parseTaskArguments } = await bundleSources({
  createInferenceEngine: 'core/inference/engine',
  createModelStore: 'models/modelStore',
  parseTaskArguments: 'core/task/arguments',
})

const TASKS = {
  picture: parseTaskArguments({
    base_model: 'embedded:tiny-shapes',
    prompt: 'a big red circle on a blue background',
    scheduler: { method: 'EulerAncestralDiscreteScheduler' },
    task_config: { image_width: 128, image_height: 128, steps: 6, cfg: 4, num_images: 1, seed: 7 },
  }),
  answer: parseTaskArguments({
    model: 'embedded:tiny-chat',
    messages: [{ role: 'user', content: 'Tell me a story' }],
    generation_config: { max_new_tokens: 60, do_sample: true, temperature: 1.2 },
    seed: 7,
  }),
}
Object.assign(process.env, { OMP_NUM_THREADS: '7', MKL_NUM_THREADS: '7', ORT_DISABLE_ALL_OPTIMIZATION: '1' })

const { modelFolder } = createModelStore({ modelRoots: [] })
const logger = { debug() {}, info() {}, warn() {}, error() {} }
const signal = new AbortController().signal
const open = (intraOpThreads) => createInferenceEngine({ modelFolder, logger, intraOpThreads })
const used = { 1: open(1), 2: open(2) }

const counts = {}
const hashes = Object.fromEntries(Object.keys(TASKS).map((name) => [name, new Set()]))
for (let run = 0; run < Number(flags.runs); run++) {
  const threads = run % 2 === 0 ? 1 : 2
  const fresh = run % 4 < 2
  const loaded = run % 8 < 4
  const spinners = loaded ? Array.from({ length: availableParallelism() }, spin) : []
  const engine = fresh ? open(threads) : used[threads]
  try {
    for (const [name, task] of Object.entries(TASKS)) {
      const { files } = await engine.run(task, { signal })
      const hash = createHash('sha256')
      for (const { bytes } of files) hash.update(bytes)
      hashes[name].add(hash.digest('hex'))
    }
  } finally {
    for (const spinner of spinners) spinner.kill('SIGKILL')
    if (fresh) await engine.close()
  }
  const kind = `${fresh ? 'fresh' : 'used'} process, ${threads} ${threads === 1 ? 'thread' : 'threads'}, ${loaded ? 'under load' : 'no load'}`
  counts[kind] = (counts[kind] ?? 0) + 1
}
await Promise.all(Object.values(used).map((engine) => engine.close()))

for (const [kind, count] of Object.entries(counts)) console.log(`${String(count).padStart(4)}  ${kind}`)
for (const [name, set] of Object.entries(hashes)) {
  console.log(`${name}: ${flags.runs} runs, ${set.size} ${set.size === 1 ? 'hash' : 'hashes'}: ${[...set].join(' ')}`)
  if (set.size !== 1) process.exitCode = 1
}

function spin() {
  return spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' })
}
