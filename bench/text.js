// Prints how quickly the embedded language model writes, on one core: node bench/text.js
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import * as ort from 'onnxruntime-node'

const root = join(import.meta.dirname, '..')
// Beside the sources, so that native packages are found.
const folder = await mkdtemp(join(root, 'dist.bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const outfile = join(folder, 'text.mjs')
await build({
  stdin: {
    contents: `
      export { loadTextPipeline } from './src/core/inference/text/textPipeline.js'
      export { createSessionStore } from './src/core/inference/session.js'
      export { parseTextArguments } from './src/core/task/arguments.js'`,
    resolveDir: root,
  },
  bundle: true,
  platform: 'node',
  format: 'esm',
  external: ['@huggingface/tokenizers'],
  outfile,
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module';const require = __createRequire(import.meta.url);",
  },
})
const { loadTextPipeline, createSessionStore, parseTextArguments } = await import(pathToFileURL(outfile).href)

const model = { id: 'embedded:tiny-chat', path: join(root, 'models/tiny-chat') }
const sessions = createSessionStore(ort)
const ROUNDS = 15

for (const [name, generation] of [
  ['greedy', {}],
  ['sampled, repetition penalty', { do_sample: true, temperature: 0.7, repetition_penalty: 1.1 }],
  ['4 beams', { num_beams: 4 }],
]) {
  const task = parseTextArguments({
    model: model.id,
    messages: [{ role: 'user', content: 'Tell me a story' }],
    generation_config: { max_new_tokens: 300, ...generation },
  })
  const rates = []
  for (let round = 0; round < ROUNDS; round++) {
    const pipeline = await loadTextPipeline(model, sessions, task)
    let start = 0
    const hooks = {
      onProgress() {},
      onStageEnd: (stage) => {
        if (stage === 'prefill') start = performance.now()
      },
    }
    const { usage } = await pipeline.run(task, hooks)
    rates.push((usage.completion_tokens / (performance.now() - start)) * 1000)
  }
  rates.sort((a, b) => a - b)
  const [low, median, high] = [0, ROUNDS >> 1, ROUNDS - 1].map((place) => Math.round(rates[place]))
  console.log(`${name}: median ${median} tokens/s (${low}…${high})`)
}
console.log(`largest resident memory: ${Math.round(process.resourceUsage().maxRSS / 1024)} MB`)
