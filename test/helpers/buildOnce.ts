import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { packageRoot } from '../../src/base/packageRoot.js'

/**
 * Child processes and end-to-end tests run the built program, so it is built before the first test.
 * A failed build is said and leaves the other tests to run: those that need the program then fail by themselves.
 */
export default function buildOnce(): void {
  const { status } = spawnSync(process.execPath, [join(packageRoot, 'scripts/build.js'), '--if-stale'], {
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  if (status !== 0) process.stderr.write('the build failed: run `npm run build` to see why\n')
}
