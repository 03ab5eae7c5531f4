import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { packageRoot } from '../src/base/packageRoot.js'

const scratch = mkdtempSync(join(tmpdir(), 'crynux-cli-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** Runs a line of shell in which `crynux` is the built program; its standard output and exit status. */
const shell = (line: string): Promise<{ status: number | null; stdout: string }> =>
  new Promise((resolve, reject) => {
    const program = `crynux() { '${process.execPath}' '${join(packageRoot, 'bin', 'crynux.js')}' "$@"; }`
    const child = spawn('sh', ['-c', `${program}\n${line}`], { cwd: scratch, stdio: ['ignore', 'pipe', 'ignore'] })
    let stdout = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.once('error', reject)
    child.once('close', (status) => resolve({ status, stdout }))
  })

it('goes on when nobody reads what it says on stderr: a paid task must not end half way', async () => {
  const { stdout } = await shell(
    '{ crynux infer --prompt "a red circle" --steps 2 --out heard.png >/dev/null; echo $? >status; } 2>&1 | true; cat status',
  )
  expect(stdout.trim()).toBe('0')
  expect(existsSync(join(scratch, 'heard.png'))).toBe(true)
})

it('ends quietly when nobody reads its stdout any more', async () => {
  const { stdout } = await shell('{ crynux --help; echo $? >read; } | true; cat read')
  expect(stdout.trim()).toBe('0')
})

it.runIf(existsSync('/dev/full'))('does not report success when its result could not be written', async () => {
  expect((await shell('crynux config list >/dev/full')).status).toBe(1)
})
