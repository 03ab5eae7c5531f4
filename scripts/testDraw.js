// `npm run test:draw`: the draw's statistics in full, with every figure. Takes minutes; `npm test` draws less often.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const { status } = spawnSync(
  process.execPath,
  ['scripts/forge.js', 'test', '-vv', '--match-path', 'test/contracts/draw/*', ...process.argv.slice(2)],
  {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: 'inherit',
    env: { ...process.env, CRYNUX_FULL_DRAWS: 'true' },
  },
)
process.exit(status ?? 1)
