import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../src/base/packageRoot.js'

let folder: string
let program: string

beforeAll(() => {
  folder = mkdtempSync(join(packageRoot, 'node_modules/.logger-test-'))
  const source = join(folder, 'program.ts')
  writeFileSync(
    source,
    `import { createLogger } from '${join(packageRoot, 'src/base/logger.ts')}'
     const logger = createLogger({ level: 'debug', pretty: process.argv[2] === 'pretty' })
     logger.info({ taskId: '0x01', prompt: 'CANARY-1', host: 'CANARY-2' } as never, 'work done')
     logger.error({ error: new Error('CANARY-3', { cause: 'CANARY-4' }) }, 'failed')
     logger.error({ error: Object.assign(new Error('our words'), { code: 'CRYNUX_X', details: 'CANARY-5' }) }, 'failed')`,
  )
  program = join(folder, 'program.mjs')
  buildSync({
    entryPoints: [source],
    outfile: program,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
  })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('logger', () => {
  it.each(['json', 'pretty'])('writes allowed fields only (%s)', (form) => {
    const { stdout, stderr } = spawnSync(process.execPath, [program, form], { encoding: 'utf8', cwd: tmpdir() })
    expect(stdout).toBe('')
    expect(stderr).toContain('work done')
    expect(stderr).toContain('0x01')
    expect(stderr).toContain('CRYNUX_X')
    expect(stderr).toContain('our words')
    expect(stderr).not.toContain('CANARY')
    expect(stderr).not.toMatch(/hostname|"pid"/)
  })
})
