// The contracts' lints: forge's, solhint's, and scripts/checkNatspec.js. Ends with 1 when any has a remark.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const solhint = join(dirname(createRequire(import.meta.url).resolve('solhint/package.json')), 'solhint.js')

const lints = [
  ['scripts/forge.js', 'lint', '--deny', 'notes', 'contracts'],
  [solhint, '--disc', '--noPoster', '--max-warnings', '0', 'contracts/**/*.sol'],
  ['scripts/checkNatspec.js'],
]
// forge lint compiles, without code: into a folder of its own, or everything would have to be built again.
const folder = mkdtempSync(join(tmpdir(), 'crynux-lint-'))
const env = { ...process.env, FOUNDRY_OUT: join(folder, 'out'), FOUNDRY_CACHE_PATH: join(folder, 'cache') }
let failed = false
for (const lint of lints) {
  const { status } = spawnSync(process.execPath, lint, { cwd: root, stdio: 'inherit', env })
  failed ||= status !== 0
}
rmSync(folder, { recursive: true, force: true })
process.exit(failed ? 1 : 0)
