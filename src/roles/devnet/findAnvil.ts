import { accessSync, constants, existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import { CrynuxError, EXIT } from '../../base/errors.js'
import { packageRoot } from '../../base/packageRoot.js'

/**
 * Where anvil is: `CRYNUX_ANVIL`, else the npm package for this platform, else PATH.
 *
 * The npm wrapper package is passed over on purpose: it hides the program's exit status.
 *
 * @throws AnvilMissingError
 */
export function findAnvil(environment: NodeJS.ProcessEnv): string {
  if (environment.CRYNUX_ANVIL) {
    if (isExecutable(environment.CRYNUX_ANVIL)) return environment.CRYNUX_ANVIL
    throw new AnvilMissingError(`CRYNUX_ANVIL='${environment.CRYNUX_ANVIL}' is not an executable file`, {
      remedy: REMEDY,
    })
  }
  const fromPackage = platformPackage()
  if (fromPackage) return fromPackage
  for (const folder of (environment.PATH ?? '').split(delimiter)) {
    if (folder && isExecutable(join(folder, 'anvil'))) return join(folder, 'anvil')
  }
  throw new AnvilMissingError(`anvil was not found for ${process.platform}-${process.arch}`, { remedy: REMEDY })
}

const REMEDY =
  'Install Foundry and set CRYNUX_ANVIL to its anvil program, or run `npm install` with optional dependencies.'

function platformPackage(): string | undefined {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  const platform = process.platform === 'win32' ? 'win32' : process.platform
  try {
    const manifest = createRequire(join(packageRoot, 'package.json')).resolve(
      `@foundry-rs/anvil-${platform}-${architecture}/package.json`,
    )
    const binary = join(dirname(manifest), 'bin', process.platform === 'win32' ? 'anvil.exe' : 'anvil')
    return existsSync(binary) ? binary : undefined
  } catch {
    return undefined
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** There is no anvil on this machine. */
export class AnvilMissingError extends CrynuxError {
  override readonly code = 'CRYNUX_ANVIL_MISSING'
  override readonly exitCode = EXIT.configuration
}
