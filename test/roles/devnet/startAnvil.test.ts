import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock as clock } from '../../../src/base/clock.js'
import { findAnvil } from '../../../src/roles/devnet/findAnvil.js'
import { startAnvil } from '../../../src/roles/devnet/startAnvil.js'
import { isAlive } from '../../helpers/isAlive.js'
import { processesUsing } from '../../helpers/processesUsing.js'
import { until } from '../../helpers/until.js'

const signal = new AbortController().signal
const path = process.env.PATH ?? ''
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'crynux-anvil-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

describe('anvil', () => {
  it('is what CRYNUX_ANVIL names, if that can be run', () => {
    expect(findAnvil({ CRYNUX_ANVIL: process.execPath })).toBe(process.execPath)
    expect(() => findAnvil({ CRYNUX_ANVIL: join(folder, 'anvil') })).toThrow('is not an executable file')
  })

  it('mines each transaction at once, and later a block every second', async () => {
    const anvil = await startAnvil(
      { clock, signal },
      { file: findAnvil(process.env), folder, environment: { PATH: path } },
    )
    const height = async () => Number(await anvil.request('eth_blockNumber', []))
    expect(await anvil.request('eth_chainId', [])).toBe('0x7a69')
    expect(await anvil.request('eth_accounts', [])).toEqual([])
    expect(await height()).toBe(0)
    await anvil.mineEvery(1)
    await until(async () => (await height()) >= 2)
    await expect(anvil.request('anvil_noSuchMethod', [])).rejects.toThrow('anvil refused anvil_noSuchMethod')

    expect(readFileSync(join(folder, 'anvil.log'), 'utf8')).toContain('Listening on 127.0.0.1:')
    expect(processesUsing(folder).length).toBe(2)
    expect(await anvil.process.stop({ clock, graceMs: 10_000 })).toEqual({ code: 0, signal: null })
    expect(isAlive(anvil.process.pid)).toBe(false)
    expect(processesUsing(folder)).toEqual([])
    // The farewell said that this is an orderly end.
    expect(existsSync(folder)).toBe(true)
  })

  it('that does not start is reported, and nothing stays', async () => {
    await expect(
      startAnvil({ clock, signal }, { file: process.execPath, folder, environment: { PATH: path } }),
    ).rejects.toThrow('anvil ended with status 9')
    expect(processesUsing(folder)).toEqual([])
  })
})
