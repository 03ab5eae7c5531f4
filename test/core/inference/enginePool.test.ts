import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.js'
import { type Logger, silentLogger } from '../../../src/base/logger.js'
import { packageRoot } from '../../../src/base/packageRoot.js'
import { formatDevice, parseDevices } from '../../../src/core/devices/device.js'
import { createInferenceEngine, type InferenceEngine } from '../../../src/core/inference/engine.js'
import { createEnginePool } from '../../../src/core/inference/enginePool.js'
import { parseTextArguments, type TaskArguments } from '../../../src/core/task/arguments.js'
import { isAlive } from '../../helpers/isAlive.js'

const opened: InferenceEngine[] = []
const pids: number[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((pool) => pool.close()))
  expect(pids.splice(0).filter(isAlive)).toEqual([])
})

/** A pool over cuda:0, cuda:1 …, whose inference processes are these programs. */
function poolOf(...children: string[]): { pool: InferenceEngine; warnings: string[] } {
  const warnings: string[] = []
  const logger: Logger = {
    ...silentLogger,
    debug: ({ pid }) => void (pid && pids.push(pid)),
    warn: ({ device }) => void warnings.push(device ?? ''),
  }
  const devices = parseDevices(children.map((_, index) => `cuda:${index}`).join())
  const pool = createEnginePool({
    devices,
    clock: systemClock,
    logger,
    createEngine: (device) =>
      createInferenceEngine({
        modelFolder: async () => packageRoot,
        logger,
        device,
        childEntry: join(packageRoot, 'test/core/inference/fixtures', `${children[device.index]}.js`),
      }),
  })
  opened.push(pool)
  return { pool, warnings }
}

const task: TaskArguments = {
  kind: 'text',
  arguments: parseTextArguments({ model: 'any', messages: [{ role: 'user', content: 'hello' }] }),
}
const never = new AbortController().signal
const deviceOf = async (pool: InferenceEngine): Promise<string> => {
  const { environment } = await pool.run(task, { signal: never })
  return formatDevice(JSON.parse(String(environment.settings)).device)
}

describe('several devices', () => {
  test('a task runs on the device that is free; each has a process of its own', async () => {
    const { pool } = poolOf('silentChild', 'environmentChild')
    const busy = new AbortController()
    const stuck = pool.run(task, { signal: busy.signal })
    expect(await deviceOf(pool)).toBe('cuda:1')
    expect(await Promise.all([deviceOf(pool), deviceOf(pool), deviceOf(pool)])).toEqual(['cuda:1', 'cuda:1', 'cuda:1'])
    busy.abort(new Error('enough'))
    await expect(stuck).rejects.toThrow('enough')
    expect(pids).toHaveLength(2)
  })

  test('a task whose process dies is tried on the others, and the device is passed over from then on', async () => {
    const { pool, warnings } = poolOf('crashingChild', 'environmentChild')
    expect(await deviceOf(pool)).toBe('cuda:1')
    expect(warnings).toEqual(['cuda:0'])
    expect(await deviceOf(pool)).toBe('cuda:1')
    expect(warnings).toEqual(['cuda:0'])
  })

  test('when all of them fail the task does', async () => {
    const { pool } = poolOf('crashingChild', 'crashingChild')
    await expect(pool.run(task, { signal: never })).rejects.toMatchObject({ code: 'CRYNUX_INFERENCE_CRASHED' })
    expect(pids).toHaveLength(2)
  })

  test('a task that took too long is not tried again', async () => {
    const { pool, warnings } = poolOf('silentChild', 'environmentChild')
    await expect(pool.run(task, { signal: never, timeoutMs: 50 })).rejects.toMatchObject({
      code: 'CRYNUX_INFERENCE_TIMEOUT',
    })
    expect(warnings).toEqual([])
  })

  test('a task that waits for a device can be given up', async () => {
    const { pool } = poolOf('silentChild')
    const [running, waiting] = [new AbortController(), new AbortController()]
    const runs = [running, waiting].map(({ signal }) => pool.run(task, { signal }))
    waiting.abort(new Error('waited enough'))
    await expect(runs[1]).rejects.toThrow('waited enough')
    running.abort(new Error('ran enough'))
    await expect(runs[0]).rejects.toThrow('ran enough')
  })
})
