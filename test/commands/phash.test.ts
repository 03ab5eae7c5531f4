import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runCrynux } from '../helpers/crynuxProcess.js'

const cwd = join(import.meta.dirname, '../vectors/phash')

describe('crynux phash', () => {
  test('prints one line a file', async () => {
    const { status, stdout, stderr } = await runCrynux(['phash', 'noise.png', 'rgb-1x1.png'], { cwd })
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: '0x835f9a3aa6f11863 noise.png\n0x8000000000000000 rgb-1x1.png\n',
      stderr: '',
    })
  })

  test('prints one JSON document', async () => {
    const { status, stdout } = await runCrynux(['phash', 'grey-16.png', '--json'], { cwd })
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toEqual({
      schema: 'crynux.phash/v1',
      data: [{ file: 'grey-16.png', phash: '0xb5b5836a746d090f' }],
    })
  })

  test.each(['truncated.png', 'missing.png', 'phash.json'])('refuses %s by name', async (file) => {
    const { status, stdout, stderr } = await runCrynux(['phash', 'noise.png', file], { cwd })
    expect(status).toBe(2)
    expect(stdout).toBe('')
    expect(stderr.split('\n')[0]).toMatch(new RegExp(`^error: '${file}'`))
  })
})
