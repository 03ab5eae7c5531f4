import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '../..')

/**
 * Loads modules of src/, bundled as in a build: `{ perceptualHash: 'core/phash/perceptualHash' }`.
 *
 * The bundle lies beside the sources until the process ends, so that native packages are found.
 */
export async function bundleSources(exports) {
  const folder = await mkdtemp(join(root, 'dist.bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  // Ctrl-C ends it by way of 'exit'.
  process.once('SIGINT', () => process.exit(130))
  const outfile = join(folder, 'bundle.mjs')
  const lines = Object.entries(exports).map(([name, file]) => `export { ${name} } from './src/${file}.js'`)
  await build({
    stdin: { contents: lines.join('\n'), resolveDir: root },
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['onnxruntime-node', 'sharp', '@huggingface/tokenizers'],
    outfile,
    // Bundled CommonJS packages call require(); ES modules have none.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module';const require = __createRequire(import.meta.url);",
    },
  })
  return import(pathToFileURL(outfile).href)
}
