import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { type ByteSource, createByteSource } from '../../../../src/core/inference/onnx/byteSource.js'
import { indexModel, type ModelIndex } from '../../../../src/core/inference/onnx/modelIndex.js'
import { moduleWeights } from '../../../../src/core/inference/onnx/moduleWeights.js'
import { ProtobufError } from '../../../../src/core/inference/onnx/protobufReader.js'
import { additionModel } from '../../../helpers/onnxModel.js'
import { sd15Model } from '../../../helpers/sd15Model.js'

const scratch = mkdtempSync(join(tmpdir(), 'crynux-test-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const inMemory = (bytes: Uint8Array): ByteSource => ({
  size: bytes.length,
  read(offset, length) {
    if (offset < 0 || length < 0 || offset + length > bytes.length) throw new RangeError('outside')
    return bytes.subarray(offset, offset + length)
  },
})

describe('the index of an ONNX file', () => {
  test('has every weight at the place where its bytes stand', () => {
    const path = join(scratch, 'model.onnx')
    const bytes = additionModel()
    writeFileSync(path, bytes)
    const descriptor = openSync(path, 'r')
    const { initializers, nodes } = indexModel(createByteSource(descriptor, statSync(path).size))
    closeSync(descriptor)
    const w = initializers.get('w')
    expect(w).toMatchObject({ name: 'w', dims: [4], type: 'float32', place: { kind: 'inline', bytes: 16 } })
    expect(nodes).toMatchObject([{ type: 'Add', inputs: ['x', 'w'], outputs: ['y'] }])
    if (w?.place.kind !== 'inline') throw new Error('w is elsewhere')
    expect(
      readFileSync(path)
        .subarray(w.place.start, w.place.start + 16)
        .every((byte) => byte === 0),
    ).toBe(true)
  })

  test('says where a weight in another file stands', () => {
    const { initializers } = indexModel(
      inMemory(additionModel({ external: { location: 'w.data', offset: 4096, length: 16 } })),
    )
    expect(initializers.get('w')?.place).toEqual({ kind: 'external', location: 'w.data', start: 4096, bytes: 16 })
  })

  test('of a model that is cut off anywhere is refused, or is that of a smaller model', () => {
    const whole = additionModel({ external: { location: 'w.data' } })
    let refused = 0
    for (let length = 0; length < whole.length; length++) {
      try {
        indexModel(inMemory(whole.subarray(0, length)))
      } catch (error) {
        expect(error instanceof ProtobufError || error instanceof RangeError).toBe(true)
        refused++
      }
    }
    expect(refused).toBeGreaterThan(whole.length * 0.9)
  })

  test('of a model with any wrong byte is refused, or is that of another model', () => {
    const whole = additionModel({ external: { location: 'w.data' } })
    for (let at = 0; at < whole.length; at++) {
      for (const value of [0x00, 0x7f, 0x80, 0xff]) {
        const bytes = Uint8Array.from(whole)
        bytes[at] = value
        try {
          indexModel(inMemory(bytes))
        } catch (error) {
          expect(error instanceof ProtobufError || error instanceof RangeError).toBe(true)
        }
      }
    }
  })

  test.each<[string, number[]]>([
    ['nothing', []],
    ['no graph', [0x08, 0x08]],
    ['a field number 0', [0x00, 0x00]],
    ['a group', [0x3b]],
    ['a number without end', [0x08, ...new Array<number>(11).fill(0xff)]],
    ['a length beyond the file', [0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ['two graphs', [0x3a, 0x00, 0x3a, 0x00]],
    ['two tensors of one name', [0x3a, 0x04, 0x2a, 0x00, 0x2a, 0x00]],
    ['a negative dimension', [0x3a, 0x0d, 0x2a, 0x0b, 0x08, ...new Array<number>(9).fill(0xff), 0x01]],
  ])('%s', (_name, bytes) => {
    expect(() => indexModel(inMemory(Uint8Array.from(bytes)))).toThrow(ProtobufError)
  })
})

describe('the weights of a network', () => {
  const indexOf = (file: string): ModelIndex => {
    const bytes = readFileSync(join(sd15Model.path, file))
    return indexModel(inMemory(bytes))
  }

  test('are found by the names of its modules', () => {
    const weights = moduleWeights(indexOf('unet/model.onnx'), 'conv_in')
    expect(weights.get('conv_in')).toMatchObject({ layout: 'outIn', initializer: { dims: [16, 4, 3, 3] } })
    expect(weights.get('time_embedding.linear_1')).toMatchObject({ layout: 'outIn', initializer: { dims: [64, 16] } })
    expect(weights.get('mid_block.attentions.0.transformer_blocks.0.attn2.to_out.0')).toMatchObject({
      layout: 'inOut',
      initializer: { name: expect.stringMatching(/^onnx::MatMul_/) },
    })
    // Products of attention have no weights.
    expect([...weights.keys()].some((name) => name.endsWith('attn1'))).toBe(false)
    expect([...weights.values()].every(({ sharedBy }) => sharedBy === 1)).toBe(true)
    const encoder = moduleWeights(indexOf('text_encoder/model.onnx'), 'text_model')
    expect(encoder.has('text_model.encoder.layers.2.mlp.fc2')).toBe(true)
  })

  const initializer = (name: string, type: 'float32' | 'other' = 'float32') =>
    [name, { name, dims: [2, 3], type, place: { kind: 'inline', start: 0, bytes: 24 } }] as const
  const node = (
    name: string,
    type: string,
    inputs: string[],
    output = `${name}_out`,
    integers: [string, number][] = [],
  ) => ({
    name,
    type,
    inputs,
    outputs: [output],
    integers: new Map(integers),
  })

  test('through casts and transpositions; shared and quantised ones are known as such', () => {
    const index: ModelIndex = {
      initializers: new Map([
        initializer('a'),
        initializer('b.weight'),
        initializer('shared'),
        initializer('q', 'other'),
      ]),
      nodes: [
        node('/cast', 'Cast', ['a'], 'a_wide'),
        node('/turn', 'Transpose', ['a_wide'], 'a_turned'),
        node('/w/up/to_q/MatMul', 'MatMul', ['x', 'a_turned']),
        node('', 'Gemm', ['x', 'b.weight'], 'y', [['transB', 1]]),
        node('/w/one/MatMul', 'MatMul', ['x', 'shared']),
        node('/w/two/MatMul', 'MatMul', ['x', 'shared']),
        node('/w/small/MatMul_quant', 'MatMulInteger', ['x', 'q']),
        node('/w/conv_in/Conv', 'Conv', ['x', 'missing']),
        node('/w/conv_in/Conv', 'Conv', ['x', 'a']),
      ],
    }
    const found = moduleWeights(index, 'conv_in')
    expect(Object.fromEntries([...found].map(([name, { layout, sharedBy }]) => [name, [layout, sharedBy]]))).toEqual({
      'up.to_q': ['outIn', 2],
      b: ['outIn', 1],
      one: ['inOut', 2],
      two: ['inOut', 2],
      small: ['inOut', 1],
      conv_in: ['outIn', 2],
    })
    expect(found.get('small')?.initializer.type).toBe('other')
  })

  test('of a module with two different ones are not guessed', () => {
    const index: ModelIndex = {
      initializers: new Map([initializer('a'), initializer('b')]),
      nodes: [node('/w/x/MatMul', 'MatMul', ['x', 'a']), node('/w/x/MatMul_1', 'MatMul', ['x', 'b'])],
    }
    expect(moduleWeights(index, 'conv_in').size).toBe(0)
  })
})
