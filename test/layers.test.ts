import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, it } from 'vitest'
import { packageRoot } from '../src/base/packageRoot.js'

const SRC = join(packageRoot, 'src')

/** Which rooms a room may import from. Imports point down; see docs/architecture.md. */
const ALLOWED: Record<string, readonly string[]> = {
  base: [],
  protocol: ['base'],
  chain: ['protocol', 'base'],
  relayClient: ['protocol', 'base'],
  models: ['protocol', 'base'],
  store: ['protocol', 'base'],
  core: ['protocol', 'base'],
  ui: ['protocol', 'base'],
  roles: ['chain', 'relayClient', 'models', 'store', 'core', 'protocol', 'base'],
  commands: ['roles', 'ui', 'context', 'chain', 'relayClient', 'models', 'store', 'core', 'protocol', 'base'],
  context: ['ui', 'chain', 'relayClient', 'models', 'store', 'core', 'protocol', 'base'],
  cli: ['commands', 'context', 'ui', 'base'],
  index: ['roles', 'chain', 'relayClient', 'models', 'store', 'core', 'protocol', 'base'],
}

/** Packages that only one room may know. */
const PACKAGES: Record<string, readonly string[]> = {
  'onnxruntime-node': ['core'],
  sharp: ['core'],
  conf: ['store'],
  libsql: ['store'],
  ink: ['ui'],
  listr2: ['ui'],
  fastify: ['roles'],
  'viem/chains': [],
  viem: ['chain'],
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => /\.tsx?$/.test(file))
const roomOf = (file: string): string => (file.includes('/') ? (file.split('/')[0] ?? '') : file.replace(/\.tsx?$/, ''))

/** Every specifier of a file's import and export lines, static or lazy. */
function importsOf(file: string): { specifier: string; typeOnly: boolean }[] {
  const text = readFileSync(join(SRC, file), 'utf8')
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s+(type\s)?[^'"\n;]*?(?:\{[^}]*\}\s*)?(?:from\s+)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g
  return [...text.matchAll(pattern)].map((match) => ({
    specifier: match[2] ?? match[3] ?? '',
    typeOnly: match[1] !== undefined,
  }))
}

it('reads import lines of every form', () => {
  const all = files.flatMap(importsOf)
  expect(all.length).toBeGreaterThan(100)
  expect(importsOf('context.ts').map(({ specifier }) => specifier)).toEqual(
    expect.arrayContaining(['node:path', './base/clock.js', './store/keystore.js', './ui/output.js']),
  )
})

it('keeps imports pointing down', () => {
  const wrong: string[] = []
  for (const file of files) {
    const room = roomOf(file)
    for (const { specifier } of importsOf(file)) {
      if (!specifier.startsWith('.')) continue
      const target = relative(SRC, join(SRC, dirname(file), specifier))
      const other = roomOf(target.replace(/\.js$/, '.ts'))
      if (other !== room && !ALLOWED[room]?.includes(other)) wrong.push(`${file} imports ${target}`)
      // A role never imports another role.
      if (room === 'roles' && other === 'roles' && file.split('/')[1] !== target.split('/')[1]) {
        wrong.push(`${file} imports ${target}`)
      }
    }
  }
  expect(wrong).toEqual([])
})

it('keeps heavy packages in their rooms', () => {
  const wrong: string[] = []
  for (const file of files) {
    for (const { specifier, typeOnly } of importsOf(file)) {
      const rooms = PACKAGES[specifier]
      if (rooms && !typeOnly && !rooms.includes(roomOf(file))) wrong.push(`${file} imports ${specifier}`)
    }
  }
  expect(wrong).toEqual([])
})
