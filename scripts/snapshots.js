// `npm run snapshots`: measures gas again and writes test/contracts/snapshots. Every other test run only compares.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const { status } = spawnSync(
  process.execPath,
  [fileURLToPath(new URL('forge.js', import.meta.url)), 'test', '--match-path', 'test/contracts/gas/*'],
  { stdio: 'inherit', env: { ...process.env, FORGE_SNAPSHOT_CHECK: 'false', FORGE_SNAPSHOT_EMIT: 'true' } },
)
process.exit(status ?? 1)
