import { describe, expect, it } from 'vitest'
import type { Clock } from '../../src/base/clock.js'
import { retry } from '../../src/base/retry.js'

/** A clock whose sleeps take no time and are written down. */
function instantClock() {
  const sleeps: number[] = []
  const clock: Clock = {
    now: () => 0,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted()
      sleeps.push(ms)
    },
  }
  return { clock, sleeps }
}

describe('retry', () => {
  it('returns the first success', async () => {
    const { clock, sleeps } = instantClock()
    let calls = 0
    const result = await retry(async () => (++calls < 3 ? Promise.reject(new Error('not yet')) : 'done'), { clock })
    expect(result).toBe('done')
    expect(calls).toBe(3)
    expect(sleeps).toHaveLength(2)
  })

  it('is bounded, and waits longer each time up to the limit', async () => {
    const { clock, sleeps } = instantClock()
    let calls = 0
    const options = { clock, attempts: 6, firstDelayMs: 100, maxDelayMs: 400 }
    await expect(retry(async () => Promise.reject(new Error(`call ${++calls}`)), options)).rejects.toThrow('call 6')
    expect(sleeps).toHaveLength(5)
    for (const [index, ceiling] of [100, 200, 400, 400, 400].entries()) {
      expect(sleeps[index]).toBeGreaterThanOrEqual(ceiling / 2)
      expect(sleeps[index]).toBeLessThanOrEqual(ceiling)
    }
  })

  it('does not repeat what cannot pass by itself, nor anything after an abort', async () => {
    const { clock } = instantClock()
    let calls = 0
    const fail = async () => Promise.reject(new Error(String(++calls)))
    await expect(retry(fail, { clock, isTemporary: () => false })).rejects.toThrow('1')
    const controller = new AbortController()
    controller.abort(new Error('stopped'))
    await expect(retry(fail, { clock, signal: controller.signal })).rejects.toThrow('stopped')
    expect(calls).toBe(1)
  })
})
