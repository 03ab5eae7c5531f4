import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createTorchGenerator, type DrawPrecision } from '../../../../src/core/inference/generator/torchGenerator.js'
import { readNpy } from '../../../helpers/npy.js'

const FOLDER = join(import.meta.dirname, '../../../vectors/rng')

type Draw = { shape: number[]; file?: string; values?: number[] }
type Entry =
  | ({ kind: 'randn'; seed: number } & Draw)
  | ({ kind: 'rand'; seed: number } & Draw)
  | { kind: 'randn_prefix'; seed: number; shape: number[]; first64: number[]; last64: number[]; sha256: string }
  | ({ kind: 'randn_half'; seed: number; dtype: DrawPrecision; next4_rand: number[] } & Draw)
  | { kind: 'sequence'; label: string; seed: number; draws: Draw[]; next4_rand: number[] }
  | { kind: 'generator_list'; seeds: number[]; shape: number[]; file: string }

const entries: Entry[] = JSON.parse(readFileSync(join(FOLDER, 'index.json'), 'utf8'))
const ofKind = <Kind extends Entry['kind']>(kind: Kind) =>
  entries.filter((entry): entry is Extract<Entry, { kind: Kind }> => entry.kind === kind)

const size = (shape: number[]) => shape.reduce((product, length) => product * length, 1)
const expected = ({ file, values }: Draw) =>
  Float32Array.from(file === undefined ? (values as number[]) : readNpy(join(FOLDER, file)).data)

describe('torch generator', () => {
  test('has all kinds of golden data at hand', () => {
    expect(entries.length).toBeGreaterThan(150)
  })

  test.each(ofKind('randn'))('randn of seed $seed, shape $shape', (entry) => {
    expect(createTorchGenerator(entry.seed).randn(size(entry.shape))).toEqual(expected(entry))
  })

  test.each(ofKind('rand'))('rand of seed $seed', (entry) => {
    expect(createTorchGenerator(entry.seed).rand(size(entry.shape))).toEqual(expected(entry))
  })

  test.each(ofKind('randn_prefix'))('the whole buffer of seed $seed, shape $shape', (entry) => {
    const values = createTorchGenerator(entry.seed).randn(size(entry.shape))
    expect([...values.subarray(0, 64)]).toEqual(entry.first64)
    expect([...values.subarray(-64)]).toEqual(entry.last64)
    expect(createHash('sha256').update(new Uint8Array(values.buffer)).digest('hex')).toBe(entry.sha256)
  })

  test.each(ofKind('randn_half'))('$dtype of seed $seed, shape $shape', (entry) => {
    const generator = createTorchGenerator(entry.seed)
    expect(generator.randn(size(entry.shape), entry.dtype)).toEqual(expected(entry))
    expect([...generator.rand(4)]).toEqual(entry.next4_rand)
  })

  test.each(ofKind('sequence'))('draws in order: $label of seed $seed', (entry) => {
    const generator = createTorchGenerator(entry.seed)
    for (const draw of entry.draws) expect(generator.randn(size(draw.shape))).toEqual(expected(draw))
    expect([...generator.rand(4)]).toEqual(entry.next4_rand)
  })

  test.each(ofKind('generator_list'))('one generator for each of $seeds', (entry) => {
    const whole = expected(entry)
    const each = size(entry.shape.slice(1))
    for (const [index, seed] of entry.seeds.entries()) {
      expect(createTorchGenerator(seed).randn(each)).toEqual(whole.subarray(index * each, (index + 1) * each))
    }
  })
})
