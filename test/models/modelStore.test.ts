import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packageRoot } from '../../src/base/packageRoot.js'
import { createModelStore } from '../../src/models/modelStore.js'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'crynux-models-'))
  await mkdir(join(root, 'first/owner/name'), { recursive: true })
  await mkdir(join(root, 'second/owner/name'), { recursive: true })
  await mkdir(join(root, 'second/owner/broken-card'), { recursive: true })
  await mkdir(join(root, 'secret'))
  await writeFile(join(root, 'second/owner/broken-card/crynux.json'), '{"width": 12')
  await writeFile(
    join(root, 'first/owner/name/crynux.json'),
    '{"width": 64, "height": "big", "steps": 4, "negativePrompt": "blurry", "other": 1}',
  )
})
afterAll(() => rm(root, { recursive: true }))

const store = () => createModelStore({ modelRoots: [join(root, 'first'), join(root, 'second')] })

describe('model store', () => {
  test('embedded models are part of the package', async () => {
    expect(await createModelStore({ modelRoots: [] }).modelFolder('embedded:tiny-shapes')).toBe(
      join(packageRoot, 'models/tiny-shapes'),
    )
    expect(await store().modelCard('embedded:tiny-shapes')).toEqual({ width: 128, height: 128, steps: 10, cfg: 4 })
  })

  test('roots are searched in order', async () => {
    expect(await store().modelFolder('owner/name')).toBe(join(root, 'first/owner/name'))
    expect(await store().modelFolder('owner/broken-card')).toBe(join(root, 'second/owner/broken-card'))
  })

  test('a card gives what it has in good form', async () => {
    expect(await store().modelCard('owner/name')).toEqual({ width: 64, steps: 4, negativePrompt: 'blurry' })
    expect(await store().modelCard('owner/broken-card')).toEqual({})
    expect(await store().modelCard('owner/unknown')).toEqual({})
  })

  test.each([
    'owner/unknown',
    'embedded:unknown',
    '../secret',
    'owner/../../secret',
    '/etc',
    'owner/..',
    '.',
    'a/b/c',
    'owner\\name',
    'owner/name\0',
    'embedded:../models',
    '',
    'https://host/x',
  ])('%j is not available', async (id) => {
    await expect(store().modelFolder(id)).rejects.toMatchObject({
      code: 'CRYNUX_MODEL_UNAVAILABLE',
      exitCode: 12,
      remedy: expect.stringContaining('--model-root'),
    })
  })
})
