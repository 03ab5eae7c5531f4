// `npm run test:differential -- --histories 1000 --seed 7`: the same random histories of tasks through the model in
// src/protocol and through the contracts on a real chain, compared after every step. Prints how often what was met. A failure
// prints the seed and the smallest history that shows it. Without --seed every run is another one.
import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { histories, seed } = parseArgs({
  options: {
    histories: { type: 'string', default: '1000' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
  },
}).values
for (const [name, value] of Object.entries({ histories, seed })) {
  if (/^\d+$/.test(value)) continue
  process.stderr.write(`error: --${name} takes a whole number, not '${value}'\n`)
  process.exit(2)
}

const vitest = createRequire(import.meta.url).resolve('vitest/package.json')
const { status } = spawnSync(
  process.execPath,
  [join(dirname(vitest), 'vitest.mjs'), 'run', '--reporter=verbose', 'test/chain/differential.test.ts'],
  {
    cwd: dirname(dirname(fileURLToPath(import.meta.url))),
    stdio: 'inherit',
    env: { ...process.env, CRYNUX_DIFFERENTIAL_HISTORIES: histories, CRYNUX_DIFFERENTIAL_SEED: seed },
  },
)
process.exit(status ?? 1)
