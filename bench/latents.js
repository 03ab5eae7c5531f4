// Prints the time that random latents take on one core: npm run bench -- latents
import { bundleSources } from './lib/bundleSources.js'
import { interleaved, spread } from './lib/interleaved.js'
import { table } from './lib/table.js'

const { createTorchGenerator } = await bundleSources({
  createTorchGenerator: 'core/inference/generator/torchGenerator',
})
const random = createTorchGenerator(1)
const { normal } = await interleaved({ normal: () => random.randn(16_384) }, { rounds: 200, warmUp: 50 })
const [best, median, high] = spread(normal).map((ms) => ms.toFixed(2))
console.log(table(['ms', 'median', 'best', '90 %'], [['16,384 normal values', median, best, high]]))
