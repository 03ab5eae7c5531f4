// Prints the times of the perceptual hash on one core: npm run bench -- phash
import sharp from 'sharp'
import { bundleSources } from './lib/bundleSources.js'
import { interleaved, quantile, spread } from './lib/interleaved.js'
import { table } from './lib/table.js'

const ROUNDS = 200
const { perceptualHash, encodePng } = await bundleSources({
  perceptualHash: 'core/phash/perceptualHash',
  encodePng: 'core/inference/encodePng',
})

/** A gradient with some noise. */
function picture(side) {
  const data = new Uint8Array(side * side * 3)
  for (let index = 0; index < data.length; index++) {
    data[index] = ((index % (side * 3)) / (side * 3)) * 220 + (Math.imul(index, 0x9e3779b1) >>> 27)
  }
  return { data, width: side, height: side }
}

/** Work that nobody can speed up by writing another program: what the machine can do at this moment. */
function addedUp({ data }) {
  let sum = 0
  for (let index = 0; index < data.length; index++) sum = (sum + data[index]) | 0
  return sum
}

const rows = []
for (const side of [512, 768, 1024]) {
  const raw = picture(side)
  const png = await encodePng(raw)
  const times = await interleaved(
    {
      hash: () => perceptualHash(raw),
      loop: () => addedUp(raw),
      decode: () => sharp(png).raw().toBuffer(),
    },
    { rounds: ROUNDS, warmUp: 40, primed: true },
  )
  const ratio = (other) =>
    quantile(
      times.hash.map((ms, round) => ms / times[other][round]),
      0.5,
    ).toFixed(2)
  const show = (values) => spread(values).map((ms) => ms.toFixed(2))
  const [best, median, high] = show(times.hash)
  rows.push([
    `${side} × ${side}`,
    `**${median}**`,
    best,
    high,
    show(times.loop)[1],
    ratio('loop'),
    show(times.decode)[1],
    ratio('decode'),
  ])
}
console.log(
  table(
    ['p-hash, ms', 'median', 'best', '90 %', 'adding up the bytes', 'hash ÷ that', 'decoding the PNG', 'hash ÷ that'],
    rows,
  ),
)
