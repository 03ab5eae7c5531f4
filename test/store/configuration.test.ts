import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import {
  parseSettingName,
  readConfiguration,
  resolveSetting,
  SETTINGS,
  writeSetting,
} from '../../src/store/configuration.js'

let folder: string
const folders: string[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crynux-config-'))
  folders.push(folder)
})
afterAll(async () => {
  for (const each of folders) await rm(each, { recursive: true })
})

describe('configuration', () => {
  it('prefers the flag, then the environment, then the file, then the default', () => {
    const environment = { CRYNUX_LOG_LEVEL: 'error' }
    const configuration = { logLevel: 'debug' }
    const sources = { flag: 'silent', environment, configuration }
    expect(resolveSetting('logLevel', sources)).toEqual({ value: 'silent', origin: 'flag' })
    expect(resolveSetting('logLevel', { environment, configuration })).toEqual({
      value: 'error',
      origin: 'environment',
    })
    expect(resolveSetting('logLevel', { environment: {}, configuration })).toEqual({
      value: 'debug',
      origin: 'configuration',
    })
    expect(resolveSetting('logLevel', { environment: {}, configuration: {} })).toEqual({
      value: 'warn',
      origin: 'default',
    })
    expect(resolveSetting('rpcUrl', { environment: { CRYNUX_RPC_URL: '' }, configuration: {} })).toEqual({
      value: undefined,
      origin: 'default',
    })
  })

  it('has one environment variable and one flag for each setting', () => {
    const definitions = Object.values(SETTINGS)
    expect(new Set(definitions.map(({ env }) => env)).size).toBe(definitions.length)
    expect(new Set(definitions.map(({ flag }) => flag)).size).toBe(definitions.length)
  })

  it('keeps what was set, in a file of its owner', async () => {
    expect(readConfiguration({ folder })).toEqual({})
    const { path } = await writeSetting('network', '/etc/crynux/network.json', { folder })
    await writeSetting('logLevel', 'info', { folder })
    await writeSetting('logLevel', undefined, { folder })
    expect(readConfiguration({ folder })).toEqual({ network: '/etc/crynux/network.json' })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  it('names what is wrong with the file', async () => {
    await writeFile(join(folder, 'config.json'), '{"netwrok":"x"}')
    expect(() => readConfiguration({ folder })).toThrow("'netwrok' in the configuration file is not a setting")
    await writeFile(join(folder, 'config.json'), '{"network":')
    expect(() => readConfiguration({ folder })).toThrow('is not a JSON object')
  })

  it('names the settings when one does not exist', () => {
    expect(parseSettingName('dataDir')).toBe('dataDir')
    expect(() => parseSettingName('toString')).toThrow("there is no setting 'toString'")
  })
})
