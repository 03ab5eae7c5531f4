import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseByteSize } from '../../../src/base/byteSize.js'
import { hubCacheFolder, readHubSettings } from '../../../src/models/hub/hubSettings.js'
import { parseModelId, repositoryName, shownModelId } from '../../../src/models/modelId.js'
import { removeFolder } from '../../helpers/modelPuller.js'

let home: string
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'crynux-hf-'))
  await writeFile(join(home, 'token'), 'hf_file\n')
  await writeFile(join(home, 'other'), 'hf_other')
})
afterAll(() => removeFolder(home))

describe('the variables of huggingface_hub', () => {
  test.each<[Record<string, string>, string | undefined]>([
    [{}, 'hf_file'],
    [{ HF_TOKEN: 'hf_given' }, 'hf_given'],
    [{ HF_TOKEN_PATH: 'other' }, 'hf_other'],
    [{ HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' }, undefined],
    [{ HF_TOKEN: 'two\r\nlines: x' }, undefined],
    [{ HF_ENDPOINT: 'https://mirror.example' }, 'hf_file'],
    [{ HF_ENDPOINT: 'http://127.0.0.1:8080' }, 'hf_file'],
    [{ HF_ENDPOINT: 'http://[::1]:8080' }, 'hf_file'],
    // Anybody on the way could read it.
    [{ HF_ENDPOINT: 'http://mirror.example' }, undefined],
    [{ HF_ENDPOINT: 'http://127.0.0.1.evil.example' }, undefined],
    [{ HF_ENDPOINT: 'http://127.evil' }, undefined],
  ])('%j give the token %j', async (variables, token) => {
    const paths = variables.HF_TOKEN_PATH ? { HF_TOKEN_PATH: join(home, variables.HF_TOKEN_PATH) } : {}
    expect((await readHubSettings({ HF_HOME: home, ...variables, ...paths })).token).toBe(token)
  })

  test.each(['ftp://x', 'nonsense', 'https://user:secret@x', 'https://x/?a=1'])(
    'HF_ENDPOINT %s is refused',
    async (value) => {
      await expect(readHubSettings({ HF_HOME: home, HF_ENDPOINT: value })).rejects.toMatchObject({ exitCode: 2 })
    },
  )

  test('offline and cache', async () => {
    expect((await readHubSettings({ HF_HOME: home, HF_HUB_OFFLINE: 'yes' })).offline).toBe(true)
    expect((await readHubSettings({ HF_HOME: home, HF_HUB_OFFLINE: '0' })).offline).toBe(false)
    expect(hubCacheFolder({ HF_HOME: '/h' })).toBe(join('/h', 'hub'))
    expect(hubCacheFolder({ HF_HOME: '/h', HF_HUB_CACHE: '/c' })).toBe('/c')
    expect(hubCacheFolder({})).toBeUndefined()
  })
})

test.each([
  ['owner/name', 'models--owner--name'],
  ['name', 'models--name'],
  ['https://host.example/a?b#c', expect.stringMatching(/^urls--host\.example--[0-9a-f]{16}$/)],
  ['embedded:tiny-chat', undefined],
  ...[
    'a--b/c',
    'a/b/c',
    '../a',
    'a/..',
    '/a',
    'con/x',
    'x/nul.txt',
    'a b',
    'a\0',
    '',
    'http://x',
    'https://u:p@x/',
    'https://',
  ].map((id): [string, undefined] => [id, undefined]),
])('%j has the folder %j', (id, folder) => {
  const model = parseModelId(id)
  expect(model && repositoryName(model)).toEqual(folder)
})

test('what is shown of a URL has no query', () => {
  expect(shownModelId('https://x.example/a?token=secret#b')).toBe('https://x.example/a?…')
})

test.each([
  ['0', 0],
  ['1500', 1500],
  ['1.5 GB', 1.5e9],
  ['2gib', 2 ** 31],
  ['200GB', 2e11],
])('%s is %d bytes', (text, bytes) => expect(parseByteSize(text)).toBe(bytes))

test.each(['', 'GB', '-1', '1e9', '5 XB', '99999999999999TB'])('%j is no size', (text) => {
  expect(() => parseByteSize(text)).toThrow('is not a size')
})
