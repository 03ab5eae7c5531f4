// Runs forge with this repository's compiler: `node scripts/forge.js test`. Exits with forge's own status.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** CRYNUX_FORGE, else the npm platform package, else PATH. */
function findForge() {
  if (process.env.CRYNUX_FORGE) return process.env.CRYNUX_FORGE
  try {
    const manifest = createRequire(import.meta.url).resolve('@foundry-rs/forge-linux-amd64/package.json')
    const binary = join(dirname(manifest), 'bin/forge')
    if (existsSync(binary)) return binary
  } catch {}
  return 'forge'
}

const { status, error } = spawnSync(findForge(), process.argv.slice(2), {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, FOUNDRY_SOLC: join(root, 'scripts/solc.cjs') },
})
if (error) process.stderr.write(`error: forge could not be started: ${error.message}\n`)
process.exit(status ?? 1)
