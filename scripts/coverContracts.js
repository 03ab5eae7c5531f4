// `npm run coverage:contracts`: which lines and branches of the contracts the contract tests reach. Prints a table and what is
// missed; ends with 1 when a test fails or anything is missed that is not listed here with its reason.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What no test can reach: the file, the text of the line, and why. */
const EXCEPTIONS = []

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'crynux-coverage-'))
try {
  const report = join(folder, 'lcov.info')
  const { status } = spawnSync(
    process.execPath,
    [
      ...['scripts/forge.js', 'coverage', '--report', 'lcov', '--report-file', report],
      // Coverage is measured without the optimizer: gas is not that of the real contracts, and many draws take long.
      ...[
        '--no-match-test',
        'Gas',
        '--no-match-path',
        'test/contracts/{draw/*,invariant/*,gas/*,Economics.t.sol,attacks/Crowding.t.sol}',
      ],
      ...process.argv.slice(2),
    ],
    { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, FORGE_SNAPSHOT_EMIT: 'false' } },
  )
  const complete = print(parse(readFileSync(report, 'utf8')))
  process.exitCode = status === 0 && complete ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** lcov: DA:line,count and BRDA:line,block,branch,count (`-` for a block never entered). */
function parse(text) {
  const files = []
  for (const record of text.split('end_of_record')) {
    const [, path] = /^SF:(.+)$/m.exec(record) ?? []
    if (!path?.startsWith('contracts/')) continue
    const lines = [...record.matchAll(/^DA:(\d+),(\d+)/gm)].map(([, line, count]) => ({ line, hit: count !== '0' }))
    const branches = [...record.matchAll(/^BRDA:(\d+),\d+,\d+,(\S+)/gm)].map(([, line, count]) => ({
      line,
      hit: count !== '0' && count !== '-',
    }))
    files.push({ path, lines, branches })
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1))
}

function print(files) {
  const used = new Set()
  const missed = []
  process.stdout.write(`\n${'file'.padEnd(44)} ${'lines'.padStart(12)} ${'branches'.padStart(12)}\n`)
  for (const { path, lines, branches } of files) {
    process.stdout.write(`${path.padEnd(44)} ${share(lines)} ${share(branches)}\n`)
    const source = readFileSync(join(root, path), 'utf8').split('\n')
    for (const [kind, list] of [
      ['line', lines],
      ['branch', branches],
    ]) {
      for (const { line } of list.filter(({ hit }) => !hit)) {
        const text = source[line - 1].trim()
        const exception = EXCEPTIONS.find((each) => each.path === path && text.includes(each.text))
        if (exception) used.add(exception)
        missed.push(`${exception ? 'excepted' : 'MISSED  '} ${path}:${line} ${kind}: ${text}${reasonOf(exception)}`)
      }
    }
  }
  const stale = EXCEPTIONS.filter((each) => !used.has(each)).map(
    (each) => `MISSED   ${each.path}: an exception is not needed any more: ${each.text}`,
  )
  for (const line of [...missed, ...stale]) process.stdout.write(`${line}\n`)
  return files.length > 0 && ![...missed, ...stale].some((line) => line.startsWith('MISSED'))
}

function share(list) {
  const hits = list.filter(({ hit }) => hit).length
  return `${hits}/${list.length} ${list.length === 0 ? 100 : Math.floor((100 * hits) / list.length)} %`.padStart(12)
}

function reasonOf(exception) {
  return exception ? ` — ${exception.reason}` : ''
}
