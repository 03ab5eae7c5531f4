// The contracts' lints: forge's, solhint's, and scripts/checkNatspec.js. Ends with 1 when any has a remark.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const solhint = join(dirname(createRequire(import.meta.url).resolve('solhint/package.json')), 'solhint.js')

const lints = [
  ['scripts/forge.js', 'lint', '--deny', 'notes', 'contracts'],
  [solhint, '--disc', '--noPoster', '--max-warnings', '0', 'contracts/**/*.sol'],
  ['scripts/checkNatspec.js'],
]
let failed = false
for (const lint of lints) {
  const { status } = spawnSync(process.execPath, lint, { cwd: root, stdio: 'inherit' })
  failed ||= status !== 0
}
process.exit(failed ? 1 : 0)
