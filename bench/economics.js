// Prints the tables of docs/economics.md: node bench/economics.js
// --write              puts them into the page, and what the simulation must come out at into test/contracts/vectors
// --simulate [tasks]   plays tasks on the contracts instead, for each strategy that many (default: 10,000), and prints
//                      what was measured
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..')
const [flag, tasks = '10000'] = process.argv.slice(2)
if (flag === '--simulate') simulate()
else await tables()

async function tables() {
  const folder = await mkdtemp(join(tmpdir(), 'crynux-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const outfile = join(folder, 'economics.mjs')
  await build({
    stdin: {
      contents: `
        export { fillPage } from './economics/fillPage.js'
        export { economicsTables } from './economics/tables.js'
        export { simulationVectors } from './economics/simulationVectors.js'`,
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
  })
  const { economicsTables, fillPage, simulationVectors } = await import(pathToFileURL(outfile).href)
  if (flag !== '--write') {
    for (const [name, table] of Object.entries(economicsTables())) console.log(`${name}\n\n${table}\n`)
    return
  }
  const page = join(root, 'docs/economics.md')
  writeFileSync(page, fillPage(readFileSync(page, 'utf8')))
  const vectors = join(root, 'test/contracts/vectors')
  mkdirSync(vectors, { recursive: true })
  writeFileSync(join(vectors, 'economics.json'), `${JSON.stringify(simulationVectors(), null, 2)}\n`)
}

function simulate() {
  const { stdout, status } = spawnSync(
    process.execPath,
    [join(root, 'scripts/forge.js'), 'test', '-vv', '--match-contract', '^EconomicsTest$'],
    {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ECONOMICS_TASKS: tasks, FOUNDRY_GAS_LIMIT: String(2n ** 63n - 1n) },
    },
  )
  const rows = stdout.split('\n').flatMap((line) => /^ *(\| .* \|)$/.exec(line)?.[1] ?? [])
  const head = ['| strategy | drew 0 / 1 / 2 / 3 own nodes | mean | formula | tolerance |', '|---|---:|---:|---:|---:|']
  console.log(status === 0 ? [...head, ...rows].join('\n') : stdout)
  process.exitCode = status ?? 1
}
