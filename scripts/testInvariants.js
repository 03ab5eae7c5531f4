// `npm run test:invariants:deep`: the campaign of test/contracts/invariant with a million calls (profile `deep` in
// foundry.toml), one part of it with a seed of its own for each processor. Prints what was done how often, how often it had to be
// refused, how every task ended, and the number of calls and the time. `--jobs N` sets the number of parts, `--seed N` the
// first of the seeds.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))
const { values } = parseArgs({ options: { jobs: { type: 'string' }, seed: { type: 'string' } } })
const jobs = Number(values.jobs ?? availableParallelism())
const firstSeed = Number(values.seed ?? 0x43524e58)
const totalRuns = Number(
  process.env.FOUNDRY_INVARIANT_RUNS ?? /deep\.invariant\]\s+runs = (\d+)/.exec(foundryToml())[1],
)

mkdirSync(join(root, 'cache'), { recursive: true })
if ((await forge(['build'], {})).status !== 0) process.exit(1)
const startedAt = performance.now()
const parts = await Promise.all(Array.from({ length: jobs }, (_, i) => campaign(i)))
const seconds = (performance.now() - startedAt) / 1000

const counts = new Map()
for (let i = 0; i < jobs; ++i) addCounts(i)
process.stdout.write(`\n${'what'.padEnd(34)}${'done'.padStart(12)}${'refused'.padStart(12)}\n`)
for (const [name, { done, refused }] of [...counts].sort(([a], [b]) => a.localeCompare(b))) {
  process.stdout.write(`${name.padEnd(34)}${String(done).padStart(12)}${String(refused).padStart(12)}\n`)
}
const runs = parts.reduce((sum, part) => sum + part.runs, 0)
const calls = parts.reduce((sum, part) => sum + part.calls, 0)
const ok = parts.every((part) => part.status === 0)
process.stdout.write(
  `\n${ok ? 'ok' : 'FAILED'}: ${runs} runs, ${calls} calls in ${seconds.toFixed(0)} s, ${jobs} parts at a time\n`,
)
process.exit(ok ? 0 : 1)

async function campaign(part) {
  rmSync(join(root, countsPath(part)), { force: true })
  const { status, output } = await forge(['test', '--match-path', 'test/contracts/invariant/*'], {
    CRYNUX_INVARIANT_COUNTS: countsPath(part),
    FOUNDRY_FUZZ_SEED: String(firstSeed + part),
    FOUNDRY_INVARIANT_RUNS: String(Math.ceil(totalRuns / jobs)),
    FOUNDRY_INVARIANT_FAILURE_PERSIST_DIR: `cache/invariant${part}`,
  })
  const [, runs, calls] = /\(runs: (\d+), calls: (\d+)/.exec(output) ?? [0, 0, 0]
  return { status, runs: Number(runs), calls: Number(calls) }
}

/** Runs forge in the deep profile; shows and returns what it prints. */
function forge(args, env) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['scripts/forge.js', ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, FOUNDRY_PROFILE: 'deep', ...env },
    })
    let output = ''
    child.stdout.on('data', (chunk) => {
      process.stdout.write(chunk)
      output += chunk
    })
    child.on('close', (status) => resolve({ status: status ?? 1, output }))
  })
}

/** `name,done,refused` for all that happened in a run; forge forgets it when it begins the next one. */
function addCounts(part) {
  if (!existsSync(join(root, countsPath(part)))) return
  for (const line of readFileSync(join(root, countsPath(part)), 'utf8').split('\n')) {
    const [name, done, refused] = line.split(',')
    if (!name) continue
    const sum = counts.get(name) ?? { done: 0, refused: 0 }
    counts.set(name, { done: sum.done + Number(done), refused: sum.refused + Number(refused) })
  }
}

function countsPath(part) {
  return `cache/invariantCounts${part}.csv`
}

function foundryToml() {
  return readFileSync(join(root, 'foundry.toml'), 'utf8')
}
