import { expect, it } from 'vitest'
import { createWakeUp } from '../../../src/roles/node/wakeUp.js'

const HOUR_MS = 3_600_000

it('wakes every waiter', async () => {
  const wakeUp = createWakeUp()
  const { signal } = new AbortController()
  const both = Promise.all([wakeUp.wait(HOUR_MS, signal), wakeUp.wait(HOUR_MS, signal)])
  wakeUp.notify()
  await both
})

it('remembers a call that came while nobody waited', async () => {
  const wakeUp = createWakeUp()
  wakeUp.notify()
  await expect(wakeUp.wait(HOUR_MS, new AbortController().signal)).resolves.toBeUndefined()
})

it('wakes by time and by abort too', async () => {
  const wakeUp = createWakeUp()
  await wakeUp.wait(1, new AbortController().signal)
  const stop = new AbortController()
  const waiting = wakeUp.wait(HOUR_MS, stop.signal)
  stop.abort()
  await waiting
  await wakeUp.wait(HOUR_MS, stop.signal)
})
