import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { packageRoot } from '../../../../src/base/packageRoot.js'
import { loadClipTokenizer } from '../../../../src/core/inference/prompt/clipTokenizer.js'

test('a tokenizer is remembered until one of its files changes', async () => {
  const path = await mkdtemp(join(tmpdir(), 'crynux-tokenizer-'))
  onTestFinished(() => rm(path, { recursive: true }))
  await cp(join(packageRoot, 'models/tiny-shapes/tokenizer'), join(path, 'tokenizer'), { recursive: true })
  const model = { id: 'owner/model', path }
  const config = join(path, 'tokenizer/tokenizer_config.json')

  const first = await loadClipTokenizer(model, 'tokenizer')
  expect(first.windowLength).toBe(77)
  expect(await loadClipTokenizer(model, 'tokenizer')).toBe(first)

  const text = await readFile(config, 'utf8')
  await writeFile(config, JSON.stringify({ ...JSON.parse(text), model_max_length: 20 }))
  expect((await loadClipTokenizer(model, 'tokenizer')).windowLength).toBe(20)

  await writeFile(config, '{')
  await expect(loadClipTokenizer(model, 'tokenizer')).rejects.toThrow('tokenizer_config.json')
  await writeFile(config, text)
  expect((await loadClipTokenizer(model, 'tokenizer')).windowLength).toBe(77)
})
