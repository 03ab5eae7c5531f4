// `npm test`: format and lint, types, contracts, then the TypeScript tests. One line for each stage with its time; the last
// line sums up. Ends with 1 when anything failed. The contract stages need forge and are left out, loudly, where npm has no
// forge for this platform and none is installed.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'crynux-test-'))
const vitestReport = join(scratch, 'vitest.json')
const forge = hasForge()

/**
 * Those of one group run at the same time; what needs the contract build comes after it. `forge` says that a stage needs forge, `count`
 * how many tests its output tells of.
 */
const groups = [
  [
    { name: 'contract build', command: ['scripts/forge.js'], args: ['build'], forge: true },
    { name: 'format and lint', command: tool('@biomejs/biome', 'biome'), args: ['check', '--error-on-warnings', '.'] },
    { name: 'types', command: tool('typescript', 'tsc'), args: ['--noEmit', '-p', '.'] },
    { name: 'man pages', command: ['scripts/generateManPages.js'], args: ['--check'] },
    { name: 'contract format', command: ['scripts/forge.js'], args: ['fmt', '--check'], forge: true },
  ],
  [
    { name: 'contract tests', command: ['scripts/forge.js'], args: ['test'], forge: true, count: countForge },
    { name: 'contract lint', command: ['scripts/lintContracts.js'], args: [], forge: true },
    { name: 'generated ABI', command: ['scripts/generateAbi.js'], args: ['--check'], forge: true },
  ],
  [
    {
      name: 'program tests',
      command: tool('vitest', 'vitest'),
      args: [
        'run',
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${vitestReport}`,
        ...process.argv.slice(2),
      ],
      count: countVitest,
    },
  ],
]

const total = { passed: 0, failed: 0, skipped: 0 }
const summary = []
let interrupted = false
process.on('SIGINT', () => {
  interrupted = true
})

for (const group of groups) {
  if (interrupted) break
  const runnable = group.filter((stage) => forge || !stage.forge)
  for (const stage of group.filter((stage) => !runnable.includes(stage))) {
    const notice = `NOT RUN  ${stage.name}: no forge for ${process.platform}-${process.arch} (set CRYNUX_FORGE)`
    process.stdout.write(`\n${notice}\n`)
    summary.push(notice)
  }
  await Promise.all(runnable.map((stage) => complete(stage, { live: runnable.length === 1 })))
}
rmSync(scratch, { recursive: true, force: true })

const ok = total.failed === 0 && total.passed > 0 && !interrupted
process.stdout.write(`\n${summary.join('\n')}\n\n`)
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`)
process.exit(ok ? 0 : 1)

/** Runs one stage and adds it to the summary. */
async function complete(stage, { live }) {
  if (live) process.stdout.write(`\n── ${stage.name}\n`)
  const startedAt = performance.now()
  const { status, output } = await run(stage, live)
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  if (!live) process.stdout.write(`\n── ${stage.name}\n${output}`)
  const counts = stage.count?.(output) ?? { passed: 0, failed: 0, skipped: 0 }
  // A stage that fails without a failing test (a type error, a runner that crashed) must still be seen in the last line.
  if (status !== 0 && counts.failed === 0) counts.failed = 1
  for (const name of Object.keys(total)) total[name] += counts[name]
  const tests = stage.count ? `  ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped` : ''
  summary.push(`${status === 0 ? 'ok      ' : 'FAILED  '} ${stage.name.padEnd(16)} ${seconds.padStart(6)} s${tests}`)
}

/** Output goes to the terminal as it comes or, of stages that run side by side, when a stage is over; it is kept for counting. */
function run({ command, args }, live) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...command, ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', live ? 'inherit' : 'pipe'],
      env: { ...process.env, FORCE_COLOR: process.env.FORCE_COLOR ?? (process.stdout.isTTY ? '1' : '0') },
    })
    let output = ''
    const take = (chunk) => {
      if (live) process.stdout.write(chunk)
      output += chunk
    }
    child.stdout.on('data', take)
    child.stderr?.on('data', take)
    child.on('close', (status) => resolve({ status: status ?? 1, output }))
  })
}

/** `Ran 5 test suites in …: 52 tests passed, 0 failed, 0 skipped (52 total tests)` */
function countForge(output) {
  const plain = output.replace(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g'), '')
  const line = /Ran \d+ test suites? in [^\n]*?: (\d+) tests? passed, (\d+) failed, (\d+) skipped/.exec(plain)
  return { passed: Number(line?.[1] ?? 0), failed: Number(line?.[2] ?? 0), skipped: Number(line?.[3] ?? 0) }
}

function countVitest() {
  if (!existsSync(vitestReport)) return { passed: 0, failed: 0, skipped: 0 }
  const report = JSON.parse(readFileSync(vitestReport, 'utf8'))
  const skipped = report.numPendingTests + (report.numTodoTests ?? 0)
  return { passed: report.numPassedTests, failed: report.numFailedTests, skipped }
}

/** The JavaScript entry of a development tool, so that no shell and no .cmd file is in between. */
function tool(packageName, bin) {
  const manifest = findManifest(packageName)
  const { bin: bins } = JSON.parse(readFileSync(manifest, 'utf8'))
  return [join(dirname(manifest), typeof bins === 'string' ? bins : bins[bin])]
}

/** `exports` of some packages hides their package.json from require.resolve. */
function findManifest(packageName) {
  for (let folder = root; ; folder = dirname(folder)) {
    const manifest = join(folder, 'node_modules', packageName, 'package.json')
    if (existsSync(manifest)) return manifest
    if (dirname(folder) === folder) throw new Error(`${packageName} is not installed: run \`npm install\``)
  }
}

/** As scripts/forge.js finds it: CRYNUX_FORGE, the npm platform package, PATH. */
function hasForge() {
  if (process.env.CRYNUX_FORGE) return true
  try {
    createRequire(import.meta.url).resolve('@foundry-rs/forge-linux-amd64/package.json')
    return spawnSync(process.execPath, [join(root, 'scripts/forge.js'), '--version'], { stdio: 'ignore' }).status === 0
  } catch {
    return (process.env.PATH ?? '').split(delimiter).some((folder) => folder && existsSync(join(folder, 'forge')))
  }
}
