import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../../../src/base/packageRoot.js'
import { BICUBIC, pillowResize } from '../../../../src/core/inference/pillowResize.js'
import { clipPixels, readClipPreprocessing } from '../../../../src/core/inference/pipelines/clipPixels.js'
import type { RawPicture } from '../../../../src/core/inference/pipelines/imagePipeline.js'

type Size = [width: number, height: number]
const golden = JSON.parse(readFileSync(join(packageRoot, 'test/vectors/clip-pixels/cases.json'), 'utf8')) as {
  resize: { from: Size; to: Size; input: string; sha256: string }[]
  pixels: { from: Size; config: Record<string, unknown>; shape: number[]; sha256: string }[]
}

/** The picture that the golden data was made of: noise and a gradient, in a pattern of small rectangles. */
function picture([width, height]: Size): RawPicture {
  const data = new Uint8Array(width * height * 3)
  for (let at = 0; at < data.length; at++) {
    const pixel = Math.floor(at / 3)
    const x = pixel % width
    const noise = (Math.imul(at, 2654435761) + Math.imul(pixel, 40503)) >>> 24
    const gradient = Math.floor(Math.floor((x * 255) / Math.max(1, width - 1)) / 2) + (at % 3) * 40
    data[at] = (Math.floor(x / 7) + Math.floor(pixel / width / 5)) % 2 ? noise : gradient
  }
  return { data, width, height }
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

test.each(golden.resize)('Pillow: $from to $to', ({ from, to, input, sha256: wanted }) => {
  expect(sha256(picture(from).data)).toBe(input)
  const resized = pillowResize(picture(from), ...to, BICUBIC)
  expect([resized.width, resized.height]).toEqual(to)
  expect(sha256(resized.data)).toBe(wanted)
})

test.each(golden.pixels)('CLIP: $from with $config', ({ from, config, shape, sha256: wanted }) => {
  const { data, dims } = clipPixels(picture(from), readClipPreprocessing({ id: 'x', path: '' }, config))
  expect(dims).toEqual(shape)
  expect(sha256(new Uint8Array(data.buffer))).toBe(wanted)
})
