import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { toRgb } from '../../../src/core/inference/toRgb.js'
import { sd15Vectors } from '../../helpers/sd15Model.js'

test('bytes are rounded as in the original', () => {
  const { vae_output, uint8 } = JSON.parse(readFileSync(join(sd15Vectors, 'modules/postprocess.json'), 'utf8'))
  for (const [index, value] of vae_output.entries()) {
    const { data } = toRgb({ data: new Float32Array(3).fill(value), dims: [1, 3, 1, 1] })
    expect({ value, data }).toEqual({ value, data: new Uint8Array(3).fill(uint8[index]) })
  }
  const odd = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY)
  expect(toRgb({ data: odd, dims: [1, 3, 1, 1] }).data).toEqual(Uint8Array.of(0, 255, 0))
})

test('planes become pixels', () => {
  const data = Float32Array.of(-1, 0, 1, -1, 1, 1)
  expect(toRgb({ data, dims: [1, 3, 1, 2] })).toEqual({
    data: Uint8Array.of(0, 255, 255, 128, 0, 255),
    width: 2,
    height: 1,
  })
})
