// Bundles src/ into dist/: one entry per process that Node starts, chunks shared between them.
// Lazy import()s in commands stay separate chunks, so that a cheap command never loads viem.
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')

/** Time of the newest change below a folder, in ms. */
function newestChange(folder) {
  let newest = 0
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) newest = Math.max(newest, statSync(join(entry.parentPath, entry.name)).mtimeMs)
  }
  return newest
}

const built = join(dist, 'cli.js')
if (
  process.argv.includes('--if-stale') &&
  existsSync(built) &&
  statSync(built).mtimeMs > newestChange(join(root, 'src'))
) {
  process.exit(0)
}

// Built beside the old one and swapped in: a program that starts meanwhile finds the one or the other, never half of it.
const fresh = join(root, `dist.${process.pid}.tmp`)
await build({
  absWorkingDir: root,
  entryPoints: {
    cli: 'src/cli.ts',
    index: 'src/index.ts',
    inferenceChild: 'src/core/inference/childProcess/main.ts',
  },
  outdir: fresh,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  sourcemap: 'linked',
  // Less text to read at every start; names stay, for error classes and stack traces.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'linked',
  logLevel: 'warning',
  jsx: 'automatic',
  // Native addons cannot be bundled; these packages read files of their own or are loaded lazily and rarely.
  external: [
    'onnxruntime-node',
    'sharp',
    'libsql',
    'pino',
    'pino-pretty',
    'fastify',
    'ink',
    'react',
    'react/jsx-runtime',
    'listr2',
    'conf',
    'execa',
    'prom-client',
    '@huggingface/tokenizers',
  ],
  // Bundled CommonJS packages call require(); ES modules have none.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module';const require = __createRequire(import.meta.url);",
  },
})
const stale = join(root, `dist.${process.pid}.old`)
if (existsSync(dist)) renameSync(dist, stale)
renameSync(fresh, dist)
rmSync(stale, { recursive: true, force: true })
