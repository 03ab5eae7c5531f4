import { accessSync, constants } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import { packageRoot } from '../../base/packageRoot.js'

/** What forge needs beside itself; an installed package has the sources but no compiler. */
const SOURCES = [
  'foundry.toml',
  'contracts/script/Deploy.s.sol',
  'scripts/solc.cjs',
  'node_modules/solc/package.json',
  'node_modules/@openzeppelin/contracts/package.json',
]

/**
 * A forge that can deploy: CRYNUX_FORGE, else the npm package of this platform, else PATH; undefined when there is none, or
 * when compiler or sources are missing.
 *
 * The wrapper package `@foundry-rs/forge` is passed over: it always exits 0.
 */
export function findForge(environment: NodeJS.ProcessEnv): string | undefined {
  if (!SOURCES.every((path) => isUsable(join(packageRoot, path), constants.R_OK))) return undefined
  const inPath = (environment.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  const candidates = environment.CRYNUX_FORGE
    ? [environment.CRYNUX_FORGE]
    : [...platformPackage(), ...inPath.map((folder) => join(folder, 'forge'))]
  return candidates.find((path) => isUsable(path, constants.X_OK))
}

function platformPackage(): string[] {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  try {
    const manifest = createRequire(join(packageRoot, 'package.json')).resolve(
      `@foundry-rs/forge-${process.platform}-${architecture}/package.json`,
    )
    return [join(dirname(manifest), 'bin/forge')]
  } catch {
    return []
  }
}

function isUsable(path: string, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}
