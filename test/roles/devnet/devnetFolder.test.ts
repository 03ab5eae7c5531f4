import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { packageRoot } from '../../../src/base/packageRoot.js'
import { createDevnetFolder } from '../../../src/roles/devnet/devnetFolder.js'

let parent: string

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'crynux-folder-'))
})
afterEach(() => {
  rmSync(parent, { recursive: true, force: true })
})

it('is readable by its user only, and gone when removed', async () => {
  const folder = await createDevnetFolder({})
  expect(statSync(folder.path).mode & 0o777).toBe(0o700)
  expect(statSync(folder.relay).mode & 0o777).toBe(0o700)
  await folder.remove()
  expect(existsSync(folder.path)).toBe(false)
})

it('stays when it is to be kept', async () => {
  const folder = await createDevnetFolder({ keep: join(parent, 'a', 'b') })
  await folder.remove()
  expect(existsSync(join(parent, 'a', 'b', 'relay'))).toBe(true)
  expect(folder.node(2)).toBe(join(parent, 'a', 'b', 'node-2'))
})

it('is not made in a folder that has something in it', async () => {
  mkdirSync(join(parent, 'full'))
  writeFileSync(join(parent, 'full', 'thesis.txt'), '')
  await expect(createDevnetFolder({ keep: join(parent, 'full') })).rejects.toThrow('is not empty')
})

it('holds a crynux that is this very program', async () => {
  const folder = await createDevnetFolder({})
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }
  const output = execFileSync(join(folder.programs, 'crynux'), ['--version'], { encoding: 'utf8' })
  expect(output.trim()).toBe(version)
  await folder.remove()
})
