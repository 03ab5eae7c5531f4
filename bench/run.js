// Runs benchmarks one after the other: npm run bench -- phash inference
// Without a name, or with one that is not known, lists them. Flags go to every one that is named.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { machineLine } from './lib/machineLine.js'

const BENCHMARKS = {
  phash: 'the perceptual hash of raw pixels, beside a fixed loop and the decoding of a PNG',
  inference: 'a picture from start to end: what the models take, and what is spent outside of them',
  latents: 'random numbers as the original draws them',
  devices: 'golden pictures, speed and repetition on every device of this machine (--devices, --cases)',
  text: 'tokens per second of the embedded language model',
  lora: 'merging a LoRA into a UNet of 1.7 GB: time and memory (needs 3.5 GB of disk)',
  economics: 'the tables of docs/economics.md (--write, --simulate)',
}

const given = process.argv.slice(2)
const names = given.filter((argument) => !argument.startsWith('-') && argument in BENCHMARKS)
const flags = given.filter((argument) => !(argument in BENCHMARKS))
const unknown = flags.find((flag) => !flag.startsWith('-') && !/^\d+$/.test(flag))

if (unknown !== undefined || names.length === 0) {
  if (unknown !== undefined) console.error(`There is no benchmark '${unknown}'.`)
  const width = Math.max(...Object.keys(BENCHMARKS).map((name) => name.length))
  for (const [name, what] of Object.entries(BENCHMARKS)) console.log(`${name.padEnd(width)}  ${what}`)
  process.exitCode = unknown === undefined ? 0 : 2
} else {
  // Ctrl-C reaches the benchmark too, which cleans up.
  process.on('SIGINT', () => {})
  console.log(machineLine())
  for (const name of names) {
    console.log('')
    const { status } = spawnSync(process.execPath, [join(import.meta.dirname, `${name}.js`), ...flags], {
      stdio: 'inherit',
    })
    if (status === 0) continue
    process.exitCode = status ?? 1
    if (status === 130) break
  }
}
