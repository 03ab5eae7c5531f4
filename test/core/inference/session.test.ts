import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ModelFolder } from '../../../src/core/inference/modelFile.js'
import { additionModel, castModel, type ExternalData } from '../../helpers/onnxModel.js'
import { openSessions } from '../../helpers/sd15Model.js'

let root: string
let model: ModelFolder
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'crynux-session-'))
  model = { id: 'owner/model', path: join(root, 'model') }
  await mkdir(model.path)
  await writeFile(join(root, 'secret.bin'), Buffer.alloc(64, 0x40))
  await writeFile(join(model.path, 'weights.bin'), Buffer.from(Float32Array.of(1, 2, 3, 4).buffer))
  await symlink(join(root, 'secret.bin'), join(model.path, 'link.bin'))
})
afterAll(() => rm(root, { recursive: true }))

const sessions = openSessions()
async function run(file: string, bytes: Uint8Array, data: number[] = [0, 0, 0, 0]): Promise<number[]> {
  await writeFile(join(model.path, file), bytes)
  const session = await sessions.open(model, file)
  const { y } = await session.run({ x: { data, dims: [4] } }, ['y'])
  return [...y.data]
}

describe('hostile model files', () => {
  test('weights beside the model are read', async () => {
    expect(await run('beside.onnx', additionModel({ external: { location: 'weights.bin' } }), [1, 1, 1, 1])).toEqual([
      2, 3, 4, 5,
    ])
  })

  test.each<[string, ExternalData]>([
    ['above', { location: '../secret.bin' }],
    ['roundabout', { location: 'sub/../../secret.bin' }],
    ['absolute', { location: '/etc/passwd' }],
    ['by-link', { location: 'link.bin' }],
    ['missing', { location: 'missing.bin' }],
    ['beyond-the-end', { location: 'weights.bin', offset: 8 }],
    ['endless', { location: 'weights.bin', length: 1e12 }],
    ['negative', { location: 'weights.bin', offset: -16 }],
  ])('weights %s are refused', async (name, external) => {
    await expect(run(`${name}.onnx`, additionModel({ external }))).rejects.toMatchObject({
      code: 'CRYNUX_MODEL_FILE',
      message: `file ${name}.onnx of model 'owner/model' is damaged or not an ONNX model`,
    })
  })

  test('operators of no known library are refused', async () => {
    await expect(run('custom.onnx', additionModel({ operator: 'Shell', domain: 'evil' }))).rejects.toMatchObject({
      code: 'CRYNUX_MODEL_FILE',
    })
  })
})

describe('input types are those of the graph', () => {
  test.each(['float32', 'float64', 'float16'] as const)('%s', async (type) => {
    expect(await run(`${type}.onnx`, castModel(type), [961.5, -0.25, 0, 1024])).toEqual([961.5, -0.25, 0, 1024])
  })

  test.each(['int32', 'int64'] as const)('%s takes the whole part', async (type) => {
    expect(await run(`${type}.onnx`, castModel(type), [961.9, -1.5, 0, 999])).toEqual([961, -1, 0, 999])
  })

  test('float16 outputs are widened', async () => {
    expect(await run('half.onnx', castModel('float32', 'float16'), [0.5, 65504, -2, 2 ** -24])).toEqual([
      0.5,
      65504,
      -2,
      2 ** -24,
    ])
  })

  test('other types are refused', async () => {
    await expect(run('text.onnx', castModel('string'))).rejects.toThrow("wants 'x' as string, which is not supported")
    await expect(run('whole.onnx', castModel('float32', 'int32'))).rejects.toThrow(
      'gives values of type int32, not floating point',
    )
  })

  test('a pipeline and a graph that do not fit are told apart from damage', async () => {
    await writeFile(join(model.path, 'fit.onnx'), castModel('float32'))
    const session = await sessions.open(model, 'fit.onnx')
    const x = { data: [0, 0, 0, 0], dims: [4] }
    expect([session.hasInput('x'), session.hasInput('z'), session.hasOutput('y'), session.inputRank('x')]).toEqual([
      true,
      false,
      true,
      1,
    ])
    await expect(session.run({}, ['y'])).rejects.toThrow("needs an input 'x'")
    await expect(session.run({ x, z: x }, ['y'])).rejects.toThrow("has no input 'z'")
    await expect(session.run({ x }, ['z' as 'y'])).rejects.toThrow("has no output 'z'")
    await expect(session.run({ x: { data: [0, 0], dims: [2] } }, ['y'])).rejects.toThrow(
      'could not be run on inputs of this size',
    )
  })

  test('a session is loaded once, and again when its file has changed', async () => {
    await writeFile(join(model.path, 'same.onnx'), castModel('float32'))
    const first = await sessions.open(model, 'same.onnx')
    expect(await sessions.open(model, 'same.onnx')).toBe(first)
    await writeFile(join(model.path, 'same.onnx'), additionModel())
    expect(await sessions.open(model, 'same.onnx')).not.toBe(first)
    for (let index = 0; index < 12; index++)
      expect(await run(`many-${index}.onnx`, castModel('int32'), [1, 2, 3, 4])).toEqual([1, 2, 3, 4])
  })
})
