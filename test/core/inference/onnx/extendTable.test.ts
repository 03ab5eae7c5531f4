import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readdir, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { float32ToFloat16 } from '../../../../src/core/inference/float16.js'
import { embeddingTable } from '../../../../src/core/inference/onnx/embeddingTable.js'
import { extendTable, isExtendedCopy } from '../../../../src/core/inference/onnx/extendTable.js'
import { openIndexedModel } from '../../../../src/core/inference/onnx/patchModel.js'
import { lookupModel } from '../../../helpers/onnxModel.js'
import { openSessions } from '../../../helpers/sd15Model.js'

// Enough rows that lengths take more than one byte.
const values = Float32Array.from({ length: 200 }, (_, index) => index)
const floats = Buffer.from(values.buffer)
const halves = Buffer.from(float32ToFloat16(values).buffer)
const model = { id: 'a/b', path: '' }

beforeAll(() => {
  model.path = mkdtempSync(join(tmpdir(), 'crynux-table-'))
  writeFileSync(join(model.path, 'w.data'), Buffer.concat([Buffer.alloc(64), floats]))
  const external = { location: 'w.data', offset: 64, length: floats.length }
  writeFileSync(join(model.path, 'float32.onnx'), lookupModel(floats))
  writeFileSync(join(model.path, 'float16.onnx'), lookupModel(halves, { precision: 'float16' }))
  writeFileSync(join(model.path, 'external.onnx'), lookupModel(floats, { external }))
  writeFileSync(join(model.path, 'other.onnx'), lookupModel(floats, { operator: 'GatherElements' }))
})
afterAll(() => rmSync(model.path, { recursive: true, force: true }))

async function extended(file: string, kept: number) {
  const source = await openIndexedModel(model, file)
  const table = embeddingTable(source.index)
  if (!table) throw new Error('no table')
  const extension = {
    folder: join(model.path, `${file}-${kept}`),
    table,
    kept,
    rows: Float32Array.of(-1, -2, 0.5, -0.25),
  }
  await extendTable(source, extension)
  return { source, extension }
}

describe('a table of embeddings', () => {
  test.each(['float32.onnx', 'float16.onnx', 'external.onnx'])('%s gets rows behind those it keeps', async (file) => {
    const { source, extension } = await extended(file, 90)
    const copy = { id: 'copy', path: extension.folder }
    const session = await openSessions().open(copy, file)
    const { y } = await session.run({ input_ids: { data: [0, 89, 90, 91], dims: [1, 4] } }, ['y'])
    expect([...y.data]).toEqual([0, 1, 178, 179, -1, -2, 0.5, -0.25])
    await expect(session.run({ input_ids: { data: [92], dims: [1, 1] } }, ['y'])).rejects.toThrow('could not be run')

    expect(await isExtendedCopy(source, extension)).toBe(true)
    for (const part of await readdir(extension.folder)) {
      await truncate(join(extension.folder, part), 10)
      expect(await isExtendedCopy(source, extension)).toBe(false)
    }
  })

  test('is found by what it is used for, or not at all', async () => {
    const { index } = await openIndexedModel(model, 'other.onnx')
    expect(embeddingTable(index)).toBeUndefined()
  })

  test('with fewer rows than the vocabulary has is refused', async () => {
    await expect(extended('float32.onnx', 101)).rejects.toThrow(
      "file float32.onnx of model 'a/b' has fewer embeddings than its tokenizer has tokens (tensor 'token_embedding')",
    )
  })
})
