import { expect, it } from 'vitest'
import { createOutput } from '../../src/ui/output.js'
import { watchResult } from '../../src/ui/watchResult.js'

it.each([
  [true, ['{"schema":"crynux.x/v1","data":{"count":1}}', '{"schema":"crynux.x/v1","data":{"count":3}}']],
  [false, ['1 things', '3 things']],
])('prints what has changed, once for each change (json %s), until it is told to stop', async (json, lines) => {
  let stdout = ''
  const output = createOutput({
    json,
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: () => '' },
  })
  const stop = new AbortController()
  // The second reading finds nothing new; the third one does, and is the last.
  const readings = [1, 1, 3]
  let changed = () => {}
  await watchResult(output, {
    schema: 'crynux.x/v1',
    format: ({ count }: { count: number }) => `${count} things`,
    read: async () => {
      const count = readings.shift() ?? 0
      if (readings.length === 0) stop.abort()
      queueMicrotask(() => changed())
      return { count }
    },
    onChange: (options) => {
      changed = options.changed
    },
    signal: stop.signal,
    isTerminal: false,
  })
  expect(stdout.trim().split('\n')).toEqual(lines)
})
