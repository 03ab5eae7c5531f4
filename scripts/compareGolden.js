// `node scripts/compareGolden.js <folder>`: runs every case of a folder of golden data (test/vectors/sdxl, test/vectors/sd15) through the
// built program, as a user would, and prints how far its pictures are from the original's.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'

const [given] = process.argv.slice(2)
if (!given) {
  console.error('usage: node scripts/compareGolden.js <folder with cases.json>')
  process.exit(2)
}
const folder = resolve(given)
const program = fileURLToPath(new URL('../bin/crynux.js', import.meta.url))
if (!existsSync(join(folder, 'cases.json'))) {
  console.error(`${folder} has no cases.json`)
  process.exit(2)
}
const models = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'unet/model.onnx')))
const base = models.find((name) => existsSync(join(folder, name, 'text_encoder/model.onnx')))
const refiner = models.find((name) => name !== base)

const work = mkdtempSync(join(tmpdir(), 'crynux-golden-'))
let compared = 0
const worst = { levels: 0, share: 0 }
let differing = 0
let refused = 0
try {
  const { cases } = JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8'))
  for (const { id, kind, images, score_hex: score, task_args: task } of cases) {
    if (!images || (kind !== undefined && kind !== 'refiner')) continue
    const task_args = {
      ...task,
      base_model: base,
      ...(task.refiner && { refiner: { ...task.refiner, model: refiner } }),
    }
    writeFileSync(join(work, 'task.json'), JSON.stringify(task_args))
    const args = ['--arguments', join(work, 'task.json'), '--model-root', folder, '--out', join(work, id), '--json']
    const run = spawnSync(process.execPath, [program, 'infer', ...args], { encoding: 'utf8' })
    if (run.status !== 0) {
      console.log(`${id}: refused: ${JSON.parse(run.stderr).error.message}`)
      refused++
      continue
    }
    compared++
    const gaps = []
    for (const index of images.keys()) {
      const wanted = await sharp(join(folder, 'cases', id, `image_${index}.png`))
        .raw()
        .toBuffer()
      const made = await sharp(join(work, id, `${index}.png`))
        .raw()
        .toBuffer()
      const levels = wanted.map((value, at) => Math.abs(value - made[at]))
      gaps.push({ levels: Math.max(...levels), share: levels.filter((level) => level > 0).length / levels.length })
    }
    const equal = JSON.parse(run.stdout).data.score === score
    if (!equal) differing++
    const levels = Math.max(...gaps.map((gap) => gap.levels))
    const share = Math.max(...gaps.map((gap) => gap.share))
    worst.levels = Math.max(worst.levels, levels)
    worst.share = Math.max(worst.share, share)
    console.log(`${id}: score ${equal ? 'equal' : 'DIFFERENT'}, ${levels} level on ${percent(share)} of the channels`)
  }
} finally {
  rmSync(work, { recursive: true })
}
console.log(
  `${compared} cases; worst: ${worst.levels} level on ${percent(worst.share)} of the channels; ${differing} cases differ, ${refused} refused`,
)
// A folder whose cases all ask for something else, such as a LoRA, was not compared.
process.exit(compared > 0 && differing === 0 && worst.levels <= 1 && worst.share <= 1e-3 ? 0 : 1)

function percent(share) {
  return `${(share * 100).toFixed(3)} %`
}
