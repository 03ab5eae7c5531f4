import { Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { createInferView, paintingLine } from '../../src/ui/inferView.js'
import { createPaintingClock } from '../../src/ui/paintingClock.js'

const denoise = (image: number, step: number, steps = 4) => ({ stage: 'denoise' as const, image, step, steps })
const decode = (image: number) => ({ stage: 'decode' as const, image, step: 0, steps: 1 })

describe('the time that is left', () => {
  test('comes from the steps so far, and from decoding once one picture is decoded', () => {
    let now = 0
    const clock = createPaintingClock({ pictures: 2, now: () => now })
    const at = (time: number, progress: Parameters<typeof clock.left>[0]) => {
      now = time
      return clock.left(progress)
    }
    expect(at(0, { stage: 'load', image: 0, step: 0, steps: 1 })).toBeUndefined()
    // Loading took five seconds, which says nothing about steps.
    expect(at(5000, denoise(0, 0))).toBeUndefined()
    expect(at(6000, denoise(0, 1))).toBe(7000)
    expect(at(9000, denoise(0, 2))).toBe(6 * 2000)
    expect(at(10_000, denoise(0, 3))).toBeCloseTo((5 * 5000) / 3)
    expect(at(11_000, denoise(0, 4))).toBe(4 * 1500)
    expect(at(11_000, decode(0))).toBe(4 * 1500)
    expect(at(14_000, denoise(1, 0))).toBe(4 * 1500 + 3000)
    expect(at(15_500, denoise(1, 1))).toBe(3 * 1500 + 3000)
    expect(at(20_000, denoise(1, 4))).toBe(3000)
    expect(at(20_000, decode(1))).toBe(3000)
  })
})

test.each([
  [denoise(0, 0), 1, undefined, '░░░░░░░░░░░░░░░░░░░░ step 0 of 4'],
  [denoise(1, 1), 3, 12_300, '2 of 3 █████░░░░░░░░░░░░░░░ step 1 of 4, 13 s left'],
  [decode(0), 1, 150_000, '████████████████████ decoding, 3 min left'],
])('%j of %d', (progress, pictures, left, line) => {
  expect(paintingLine(progress, pictures, left)).toBe(line)
})

test('where nothing can be drawn, a line says when a stage begins, and a long one how far it is', async () => {
  let now = 0
  let text = ''
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      text += chunk
      done()
    },
  })
  const view = await createInferView({ pictures: 1, live: false, stream, now: () => now })
  view.onProgress({ stage: 'load', image: 0, step: 0, steps: 1 })
  view.onProgress({ stage: 'encode', image: 0, step: 0, steps: 1 })
  for (let step = 0; step <= 4; step++, now += 6000) view.onProgress(denoise(0, step))
  view.onProgress(decode(0))
  await view.done()
  expect(text.trimEnd().split('\n')).toEqual([
    'loading the model',
    'encoding the prompt',
    'picture 1: denoising',
    'picture 1: step 2 of 4, 12 s left',
    'picture 1: step 4 of 4, 0 s left',
    'picture 1: decoding',
  ])
})
