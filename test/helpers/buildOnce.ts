import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { packageRoot } from '../../src/base/packageRoot.js'

/** Child processes and end-to-end tests run the built program, so it is built before the first test. */
export default function buildOnce(): void {
  execFileSync(process.execPath, [join(packageRoot, 'scripts/build.js'), '--if-stale'], { stdio: 'inherit' })
}
