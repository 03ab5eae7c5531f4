import { expect, test } from 'vitest'
import { createRateLimit } from '../../../src/roles/relay/rateLimit.js'

function movableLimit(burst: number, perSecond: number) {
  let now = 0
  const clock = { now: () => now, sleep: async () => undefined }
  const advance = (ms: number) => {
    now += ms
  }
  return { limit: createRateLimit({ clock, burst, perSecond }), advance }
}

test('a burst passes, then one request for each token', () => {
  const { limit, advance } = movableLimit(2, 0.5)
  expect([limit.take('192.0.2.1'), limit.take('192.0.2.1'), limit.take('192.0.2.1')]).toEqual([0, 0, 2])
  expect(limit.take('192.0.2.2')).toBe(0)
  advance(2_000)
  expect([limit.take('192.0.2.1'), limit.take('192.0.2.1')]).toEqual([0, 2])
})

test('one IPv6 network of a household is one client', () => {
  const { limit } = movableLimit(1, 0.1)
  expect(limit.take('2001:db8:1:2::1')).toBe(0)
  expect(limit.take('2001:db8:1:2:ffff::2')).toBeGreaterThan(0)
  expect(limit.take('2001:db8:1:3::1')).toBe(0)
  expect(limit.take('::1')).toBe(0)
  expect(limit.take('::ffff:192.0.2.1')).toBe(0)
  expect(limit.take('::ffff:192.0.2.2')).toBe(0)
})

test('after ten minutes every client is a new one', () => {
  const { limit, advance } = movableLimit(1, 0.000_001)
  expect([limit.take('192.0.2.1'), limit.take('192.0.2.1') > 0]).toEqual([0, true])
  advance(10 * 60_000)
  expect(limit.take('192.0.2.1')).toBe(0)
})
