import { setTimeout as passTime } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { timeoutSignal } from '../../src/base/timeoutSignal.js'

it('aborts what it is combined into, whatever is collected in between', async () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  const combined = AbortSignal.any([AbortSignal.any([new AbortController().signal, timeoutSignal(200)])])
  for (let turn = 0; turn < 10; turn++) {
    collectGarbage()
    await passTime(5)
  }
  await passTime(300)
  expect(combined.aborted).toBe(true)
  expect((combined.reason as DOMException).name).toBe('TimeoutError')
})
