// Prints how quickly the embedded language model writes, on one core: npm run bench -- text
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { bundleSources } from './lib/bundleSources.js'

const { loadTextPipeline, createSessionStore, parseTextArguments } = await bundleSources({
  loadTextPipeline: 'core/inference/text/textPipeline',
  createSessionStore: 'core/inference/session',
  parseTextArguments: 'core/task/arguments',
})

const model = { id: 'embedded:tiny-chat', path: join(import.meta.dirname, '../models/tiny-chat') }
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
