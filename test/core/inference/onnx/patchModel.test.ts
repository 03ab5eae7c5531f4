import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { float16ToFloat32, float32ToFloat16 } from '../../../../src/core/inference/float16.js'
import { isPatchedCopy, openIndexedModel, patchModel } from '../../../../src/core/inference/onnx/patchModel.js'
import { decodeWeights, encodeWeights } from '../../../../src/core/inference/onnx/weightNumbers.js'
import { additionModel } from '../../../helpers/onnxModel.js'
import { openSessions } from '../../../helpers/sd15Model.js'

const scratch = mkdtempSync(join(tmpdir(), 'crynux-test-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))
const model = { id: 'test/addition', path: scratch }

describe('a patched copy', () => {
  beforeAll(() => {
    writeFileSync(join(scratch, 'inline.onnx'), additionModel())
    writeFileSync(
      join(scratch, 'external.onnx'),
      additionModel({ external: { location: 'w.data', offset: 8, length: 16 } }),
    )
    writeFileSync(join(scratch, 'w.data'), Buffer.alloc(32, 0))
    writeFileSync(
      join(scratch, 'short.onnx'),
      additionModel({ external: { location: 'w.data', offset: 24, length: 16 } }),
    )
    for (const name of ['inline.onnx', 'external.onnx', 'w.data']) chmodSync(join(scratch, name), 0o400)
  })

  test.each(['inline.onnx', 'external.onnx'])(
    '%s computes with the new weights; the model itself is as it was',
    async (file) => {
      const source = await openIndexedModel(model, file)
      const before = source.parts.map((part) => readFileSync(join(scratch, part)))
      const folder = join(scratch, `copy of ${file}`)
      const initializer = source.index.initializers.get('w')
      if (!initializer) throw new Error('no w')
      const patches = [{ initializer, change: (values: Float32Array) => values.set([1, 2, 3, 4]) }]
      await patchModel(source, { folder, patches })
      const session = await openSessions().open({ id: 'copy', path: folder }, file)
      const { y } = await session.run({ x: { data: [10, 10, 10, 10], dims: [4] } }, ['y'])
      expect([...y.data]).toEqual([11, 12, 13, 14])
      expect(source.parts.map((part) => readFileSync(join(scratch, part)))).toEqual(before)
      expect(await isPatchedCopy(source, folder)).toBe(true)
    },
  )

  test('of weights beyond the end of their file is refused', async () => {
    const source = await openIndexedModel(model, 'short.onnx')
    const initializer = source.index.initializers.get('w')
    if (!initializer) throw new Error('no w')
    const run = patchModel(source, { folder: join(scratch, 'short'), patches: [{ initializer, change: () => {} }] })
    await expect(run).rejects.toThrow("file w.data of model 'test/addition' ends too early")
  })

  test.each(['../w.data', '/etc/passwd', 'a//b', 'a\\b', 'c:d'])(
    'never reaches for a weight file %s',
    async (location) => {
      writeFileSync(join(scratch, 'hostile.onnx'), additionModel({ external: { location } }))
      await expect(openIndexedModel(model, 'hostile.onnx')).rejects.toThrow(
        'names a weight file that is not in its folder',
      )
    },
  )

  test('of a file that is no model is refused', async () => {
    writeFileSync(join(scratch, 'noise.onnx'), Buffer.from('this is no model'))
    await expect(openIndexedModel(model, 'noise.onnx')).rejects.toThrow('is damaged or not an ONNX model')
    await expect(openIndexedModel(model, 'none.onnx')).rejects.toThrow('is missing')
  })
})

describe('stored numbers', () => {
  test('every half is exact in float32, and comes back', () => {
    const halves = Uint16Array.from({ length: 65536 }, (_, bits) => bits).filter((bits) => (bits & 0x7fff) <= 0x7c00)
    const values = decodeWeights(new Uint8Array(halves.buffer), 'float16')
    expect(values).toEqual(float16ToFloat32(halves))
    expect(Buffer.from(encodeWeights(values, 'float16')).equals(Buffer.from(halves.buffer))).toBe(true)
  })

  test('float32 is rounded to the nearest half, ties to even', () => {
    const edges = [
      0,
      2 ** -25,
      1.5 * 2 ** -24,
      2 ** -14,
      65504,
      65519.99,
      65520,
      1e9,
      Number.POSITIVE_INFINITY,
      1 + 2 ** -11,
    ]
    const noise = Array.from({ length: 20_000 }, (_, at) => Math.sin(at * 7.3) * 2 ** ((at % 45) - 28))
    const values = Float32Array.from([...edges, ...edges.map((edge) => -edge), ...noise])
    const halves = new Uint16Array(encodeWeights(values, 'float16').buffer)
    expect(halves).toEqual(float32ToFloat16(values))
  })

  test('bfloat16 is the upper half of float32, rounded to the nearest, ties to even', () => {
    const values = Float32Array.of(1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, -(1 + 2 ** -8 + 2 ** -20), Number.NaN)
    const words = new Uint16Array(encodeWeights(values, 'bfloat16').buffer)
    expect([...words].map((word) => word.toString(16))).toEqual(['3f80', '3f80', '3f82', 'bf81', '7fc0'])
    const back = decodeWeights(new Uint8Array(words.buffer), 'bfloat16')
    expect([...back].slice(0, 4)).toEqual([1, 1, 1 + 2 ** -6, -(1 + 2 ** -7)])
  })
})
