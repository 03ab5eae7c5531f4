import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { toByte, toRgb } from '../../../src/core/inference/toRgb.js'
import { sd15Vectors } from '../../helpers/sd15Model.js'

test('bytes are rounded as in the original', () => {
  const { vae_output, uint8 } = JSON.parse(readFileSync(join(sd15Vectors, 'modules/postprocess.json'), 'utf8'))
  expect(vae_output.map((value: number) => toByte(Math.fround(value)))).toEqual(uint8)
})

test('planes become pixels', () => {
  const data = Float32Array.of(-1, 0, 1, -1, 1, 1)
  expect(toRgb({ data, dims: [1, 3, 1, 2] })).toEqual({
    data: Uint8Array.of(0, 255, 255, 128, 0, 255),
    width: 2,
    height: 1,
  })
})
