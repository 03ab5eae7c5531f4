// Prints the times of the perceptual hash and of the latents on one core: node bench/numerics.js
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const folder = await mkdtemp(join(tmpdir(), 'crynux-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const outfile = join(folder, 'numerics.mjs')
await build({
  stdin: {
    contents: `
      export { perceptualHash } from './src/core/phash/perceptualHash.js'
      export { createTorchGenerator } from './src/core/inference/generator/torchGenerator.js'`,
    resolveDir: join(import.meta.dirname, '..'),
  },
  bundle: true,
  platform: 'node',
  format: 'esm',
  outfile,
})
const { perceptualHash, createTorchGenerator } = await import(pathToFileURL(outfile).href)

const random = createTorchGenerator(1)
for (const side of [512, 1024]) {
  const data = Uint8Array.from(random.rand(side * side * 3), (value) => value * 256)
  report(`perceptual hash of ${side} × ${side} RGB`, () => perceptualHash({ data, width: side, height: side }))
}
report('16,384 normal values', () => random.randn(16_384))

function report(name, run) {
  for (let round = 0; round < 50; round++) run()
  const times = Array.from({ length: 200 }, () => {
    const start = performance.now()
    run()
    return performance.now() - start
  }).sort((a, b) => a - b)
  console.log(`${name}: median ${times[100].toFixed(2)} ms, best ${times[0].toFixed(2)} ms`)
}
