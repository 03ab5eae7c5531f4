// `npm run test:mutation`: do the contract tests notice small mistakes in the contracts? Makes mutants (mutation/mutantsOf.js) of
// contracts/*.sol and contracts/libraries/*.sol, in temporary copies, and runs the contract tests against each.
//
//   --count N    so many mutants, the same ones each time (default 64); --all: every one
//   --seed N     others
//   --file PART  only of files whose path contains PART; --line N of that line
//   --jobs N     at once (default 2)
//   --list       show them, run nothing
//
// Killed: a test failed. Who survives the quick tests meets those of the draw and of all outcomes as well, which take half a minute
// each. Survived: none failed, and mutation/acceptedSurvivors.json may say why that is no matter. Ends with 1 when there is a
// survivor without a reason.
//
// It is quick because forge compiles the tests once: `dynamic_test_linking` makes them take the contracts from out/, where the
// mutant's code is put, compiled without optimizer. Tests of gas and the invariants are left out. No filter may be given to
// forge: with one it compiles all tests each time, to learn their names.
import { spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { mutantsOf } from './mutation/mutantsOf.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const deployed = ['TaskConsensus', 'NodeRegistry', 'IncentivePool', 'CrynuxToken']
/** Tests of gas, which is another without optimizer, and those that take minutes. */
const NEVER = { files: /^test\/contracts\/(gas|invariant|Economics\.t\.sol)/, tests: /\btest_(Gas\w*)\b/g }
/** What takes longer as well is left for those who survive the rest. */
const AT_FIRST = {
  files: /^test\/contracts\/(gas|invariant|draw|Economics\.t\.sol)/,
  tests:
    /\btest_(EveryCombination_\w+|ManyNodes|ManyMadeUpGpuModels|EverySet_Text|ATenthOfTheNodes|AThirdOfTheNodes|Gas\w*)\b/g,
}

const { values: options } = parseArgs({
  options: {
    count: { type: 'string', default: '64' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '2' },
    file: { type: 'string', default: '' },
    line: { type: 'string' },
    all: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
})

const startedAt = performance.now()
const accepted = JSON.parse(readFileSync(new URL('mutation/acceptedSurvivors.json', import.meta.url), 'utf8'))
const mutants = choose()
if (options.list) {
  for (const mutant of mutants) say(describe(mutant))
  say(`${mutants.length} mutants`)
  process.exit(0)
}

const folders = []
process.on('exit', removeFolders)
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130))

const results = await runAll()
await tryHarder(results)
report()

/** All mutants of all sources, or a fixed choice in which each rule has its turn. */
function choose() {
  const sources = ['contracts', 'contracts/libraries']
    .flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`))
    .filter((path) => path.endsWith('.sol') && path.includes(options.file))
  const every = sources.flatMap((path) =>
    mutantsOf(readFileSync(join(root, path), 'utf8'))
      .filter(({ line }) => !options.line || line === Number(options.line))
      .map((mutant) => ({ path, ...mutant })),
  )
  if (options.all || options.line) return every
  const random = mulberry32(Number(options.seed))
  const byRule = new Map()
  for (const mutant of every) byRule.set(mutant.rule, [...(byRule.get(mutant.rule) ?? []), mutant])
  const shuffled = [...byRule.values()].map((list) =>
    list
      .map((mutant) => ({ mutant, key: random() }))
      .sort((a, b) => a.key - b.key)
      .map(({ mutant }) => mutant),
  )
  const chosen = []
  for (let turn = 0; chosen.length < Math.min(Number(options.count), every.length); ++turn) {
    for (const list of shuffled)
      if (turn < list.length && chosen.length < Number(options.count)) chosen.push(list[turn])
  }
  return chosen
}

async function runAll() {
  const jobs = Math.max(1, Math.min(Number(options.jobs), mutants.length))
  const first = makeCopy(AT_FIRST)
  await forge(first, ['build'])
  const baseline = await prepare(first)
  say(`${mutants.length} mutants, ${jobs} at once, each against ${baseline.tests} tests`)
  const copies = [first]
  while (copies.length < jobs) {
    copies.push(join(mkdtempSync(join(tmpdir(), 'crynux-mutants-')), 'project'))
    folders.push(dirname(copies.at(-1)))
    cpSync(first, copies.at(-1), { recursive: true, filter: (path) => !path.endsWith('node_modules') })
    linkModules(copies.at(-1))
  }
  const waiting = mutants.map((mutant, index) => ({ mutant, index }))
  const outcomes = new Array(mutants.length)
  await Promise.all(
    copies.map(async (folder) => {
      const compile = createCompiler(folder)
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const outcome = await run(folder, compile, baseline, next.mutant)
        outcomes[next.index] = outcome
        say(
          `${outcome.verdict.padEnd(16)} ${outcome.seconds.padStart(5)} s  ${describe(next.mutant)}${outcome.by ? `  (${outcome.by})` : ''}`,
        )
      }
      await compile.end()
    }),
  )
  return outcomes
}

/** Survivors without a reason meet the slow tests, too. */
async function tryHarder(results) {
  const survivors = results.filter(({ verdict, mutant }) => verdict === 'survived' && !reasonFor(mutant))
  if (survivors.length === 0) return
  const folder = makeCopy(NEVER)
  await forge(folder, ['build'])
  const baseline = await prepare(folder)
  say(`\n${survivors.length} survivors, each against ${baseline.tests} tests`)
  const compile = createCompiler(folder)
  for (const survivor of survivors) {
    const outcome = await run(folder, compile, baseline, survivor.mutant)
    Object.assign(survivor, outcome)
    say(
      `${outcome.verdict.padEnd(16)} ${outcome.seconds.padStart(5)} s  ${describe(survivor.mutant)}${outcome.by ? `  (${outcome.by})` : ''}`,
    )
  }
  await compile.end()
}

/** One mutant, compiled and tested. */
async function run(folder, compile, baseline, mutant) {
  const from = performance.now()
  const done = (verdict, by) => ({ mutant, verdict, by, seconds: ((performance.now() - from) / 1000).toFixed(1) })
  const source = readFileSync(join(root, mutant.path), 'utf8')
  const code = await compile(mutant.path, source.slice(0, mutant.start) + mutant.after + source.slice(mutant.end))
  if (!code) return done('does not compile')
  putCode(folder, code)
  const { status, output } = await forge(folder, ['test', '--fail-fast'], 600_000)
  putCode(folder, baseline.code)
  if (status === 0) return done('survived')
  // A test that never ends is a failure too.
  if (status === null) return done('killed', 'no end')
  return done('killed', /\[FAIL[^\n]*\] (\w+)\(/.exec(output)?.[1] ?? /^Error[^\n]*/m.exec(output)?.[0] ?? 'forge')
}

/** Puts the contracts' own code, without optimizer, in place. All tests must hold with that. */
async function prepare(folder) {
  const compile = createCompiler(folder)
  const code = await compile('contracts/TaskConsensus.sol', undefined, deployed)
  await compile.end()
  putCode(folder, code)
  const { status, output } = await forge(folder, ['test'])
  if (status !== 0) throw new Error(`tests fail without any mutant:\n${output}`)
  return { code, tests: /(\d+) tests passed/.exec(output.slice(output.lastIndexOf('Ran ')))?.[1] }
}

/** The files that forge needs; the compiler and the libraries as hard links. */
function makeCopy(leftOut) {
  const folder = join(mkdtempSync(join(tmpdir(), 'crynux-mutants-')), 'project')
  folders.push(dirname(folder))
  for (const path of ['contracts', 'cache', 'out', 'test/contracts', 'foundry.toml', 'scripts', 'package.json']) {
    if (existsSync(join(root, path)))
      cpSync(join(root, path), join(folder, path), { recursive: true, preserveTimestamps: true })
  }
  for (const entry of readdirSync(join(folder, 'test/contracts'), { recursive: true })) {
    const path = `test/contracts/${entry}`
    if (leftOut.files.test(path)) rmSync(join(folder, path), { recursive: true, force: true })
    else if (path.endsWith('.t.sol')) {
      const text = readFileSync(join(folder, path), 'utf8')
      const shorter = text.replace(leftOut.tests, 'leftOut_$1')
      if (shorter !== text) writeFileSync(join(folder, path), shorter)
    }
  }
  linkModules(folder)
  return folder
}

function linkModules(folder) {
  const solc = JSON.parse(readFileSync(join(root, 'node_modules/solc/package.json'), 'utf8'))
  const names = ['@openzeppelin/contracts', 'solady', 'solc', ...Object.keys(solc.dependencies)]
  for (const name of names) linkTree(join(root, 'node_modules', name), join(folder, 'node_modules', name))
}

function linkTree(from, to) {
  mkdirSync(to, { recursive: true })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) linkTree(source, target)
    else {
      try {
        linkSync(source, target)
      } catch {
        cpSync(source, target)
      }
    }
  }
}

function removeFolders() {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
}

/** A compiler on a thread of its own, since one call keeps its thread busy for a second. */
function createCompiler(folder) {
  const worker = new Worker(new URL('mutation/compiler.js', import.meta.url), { workerData: { folder } })
  const waiting = []
  worker.on('message', (code) => waiting.shift().resolve(code))
  worker.on('error', (error) => waiting.shift()?.reject(error))
  const compile = (path, text, contracts = deployed) =>
    new Promise((resolve, reject) => {
      waiting.push({ resolve, reject })
      worker.postMessage({ path, text, contracts })
    })
  compile.end = () => worker.terminate()
  return compile
}

/** Puts code (or whole artifacts, as text) where forge's tests take it from. */
function putCode(folder, code) {
  for (const [name, value] of Object.entries(code)) {
    const path = artifact(folder, name)
    if (typeof value === 'string') {
      writeFileSync(path, value)
      continue
    }
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...value }))
  }
}

function artifact(folder, name) {
  return join(folder, `out/${name}.sol/${name}.json`)
}

function forge(folder, args, timeoutMs = 900_000) {
  return new Promise((resolve) => {
    const child = spawn(forgePath(), args, {
      cwd: folder,
      timeout: timeoutMs,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        FOUNDRY_SOLC: join(folder, 'scripts/solc.cjs'),
        FOUNDRY_FUZZ_RUNS: '32',
        FOUNDRY_INVARIANT_RUNS: '4',
        FOUNDRY_CODE_SIZE_LIMIT: '100000',
        NO_COLOR: '1',
      },
    })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    let errors = ''
    child.stderr.on('data', (chunk) => {
      errors += chunk
    })
    child.on('close', (status) => resolve({ status, output: output + errors }))
  })
}

/** As scripts/forge.js finds it. */
function forgePath() {
  if (process.env.CRYNUX_FORGE) return process.env.CRYNUX_FORGE
  try {
    const manifest = createRequire(import.meta.url).resolve('@foundry-rs/forge-linux-amd64/package.json')
    return join(dirname(manifest), 'bin/forge')
  } catch {
    return 'forge'
  }
}

function report() {
  const of = (verdict) => results.filter((result) => result.verdict === verdict)
  const survivors = of('survived').map(({ mutant }) => ({ mutant, reason: reasonFor(mutant) }))
  say('')
  for (const { mutant, reason } of survivors) say(`survived: ${describe(mutant)}\n          ${reason ?? 'NO REASON'}`)
  const open = survivors.filter(({ reason }) => !reason)
  const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1)
  say(
    `${results.length} mutants in ${minutes} min: ${of('killed').length} killed, ${survivors.length} survived ` +
      `(${survivors.length - open.length} accepted), ${of('does not compile').length} do not compile`,
  )
  process.exit(open.length === 0 ? 0 : 1)
}

/** An entry without `rule` or `before` accepts all mutants of its line. */
function reasonFor(mutant) {
  const found = accepted.find(
    ({ file, line, rule, before }) =>
      file === mutant.path &&
      line === mutant.text &&
      (rule === undefined || rule === mutant.rule) &&
      (before === undefined || before === mutant.before),
  )
  return found?.reason
}

function describe({ path, line, rule, before, after, text }) {
  const short = (part) => (part.length > 60 ? `${part.slice(0, 57).replace(/\s+/g, ' ')}…` : part.replace(/\s+/g, ' '))
  return `${path.slice('contracts/'.length)}:${line} ${rule}: ${short(before)} → ${after === '' ? 'nothing' : after}   in: ${short(text)}`
}

function say(text) {
  process.stdout.write(`${text}\n`)
}

/** Tommy Ettinger's mulberry32: equal seeds, equal choices. */
function mulberry32(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
