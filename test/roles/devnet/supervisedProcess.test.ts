import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock as clock } from '../../../src/base/clock.js'
import { guardSource } from '../../../src/roles/devnet/guardSource.js'
import { startSupervisedProcess } from '../../../src/roles/devnet/supervisedProcess.js'
import { isAlive } from '../../helpers/isAlive.js'
import { until } from '../../helpers/until.js'

const fixture = (name: string) => join(import.meta.dirname, 'fixtures', name)
const signal = new AbortController().signal
const wait = { clock, signal, timeoutMs: 10_000 }
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'crynux-supervised-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

const start = (script: string, options: { guard?: { removeFolder?: string }; args?: string[] } = {}) =>
  startSupervisedProcess({
    name: script,
    file: process.execPath,
    args: [fixture(script), ...(options.args ?? [])],
    environment: { PATH: process.env.PATH ?? '' },
    cwd: folder,
    logPath: join(folder, 'log'),
    ...(options.guard ? { guard: options.guard } : {}),
  })

describe('a supervised process', () => {
  it('inherits nothing, is told to watch its parent, and ends when asked', async () => {
    process.env.SECRET_OF_PARENT = 'secret'
    const child = start('patient.js')
    expect((await child.waitForLog(/ready (.*)/, wait))[1]).toBe('1 clean')
    expect(await child.stop({ clock, graceMs: 10_000 })).toEqual({ code: 7, signal: null })
    expect(readFileSync(child.logPath, 'utf8')).toContain('asked to stop')
    expect(isAlive(child.pid)).toBe(false)
    delete process.env.SECRET_OF_PARENT
  })

  it('is killed when it does not listen', async () => {
    const child = start('stubborn.js')
    await child.waitForLog(/ready/, wait)
    expect(await child.stop({ clock, graceMs: 50 })).toEqual({ code: null, signal: 'SIGKILL' })
  })

  it('that ends early is reported with its last words', async () => {
    const child = start('failing.js')
    await expect(child.waitForLog(/ready/, wait)).rejects.toThrow('failing.js ended with status 6: the port is taken')
    expect(await child.ended).toEqual({ code: 6, signal: null })
    expect(await child.stop({ clock, graceMs: 50 })).toEqual({ code: 6, signal: null })
  })

  it('that is slow is reported as such', async () => {
    const child = start('stubborn.js')
    await expect(child.waitForLog(/never said/, { ...wait, timeoutMs: 100 })).rejects.toThrow('was not ready after 0 s')
    child.kill()
    await child.ended
  })

  it('that cannot be started is reported as ended', async () => {
    const child = startSupervisedProcess({
      name: 'ghost',
      file: join(folder, 'no such program'),
      args: [],
      environment: {},
      cwd: folder,
      logPath: join(folder, 'log'),
    })
    await expect(child.waitForLog(/ready/, wait)).rejects.toThrow('ghost ended')
  })
})

describe('a guard', () => {
  it('ends its program when asked, and removes nothing', async () => {
    const pidFile = join(folder, 'pid')
    const child = start('guarded.js', { args: [pidFile], guard: { removeFolder: folder } })
    const pid = Number(await until(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8')))
    expect(await child.stop({ clock, graceMs: 10_000 })).toEqual({ code: 0, signal: null })
    expect(isAlive(pid)).toBe(false)
    expect(existsSync(folder)).toBe(true)
  })

  it('passes on that its program failed', async () => {
    const child = start('failing.js', { guard: {} })
    expect(await child.ended).toEqual({ code: 6, signal: null })
  })

  it('ends its program and removes the folder when its parent is killed with SIGKILL', async () => {
    const pidFile = join(folder, 'pid')
    const order = { file: process.execPath, args: [fixture('guarded.js'), pidFile], removeFolder: folder }
    const parent = spawn(process.execPath, [fixture('doomedParent.js'), guardSource, JSON.stringify(order)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const pid = Number(await until(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8')))
    expect(isAlive(pid)).toBe(true)
    parent.kill('SIGKILL')
    await until(() => !isAlive(pid))
    await until(() => !existsSync(folder))
  })
})
