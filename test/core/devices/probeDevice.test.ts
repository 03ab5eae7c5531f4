import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { packageRoot } from '../../../src/base/packageRoot.js'
import { CPU, parseDevice } from '../../../src/core/devices/device.js'
import { probeDevice, requireDevices } from '../../../src/core/devices/probeDevice.js'

const fixture = (name: string) => join(packageRoot, 'test/core/inference/fixtures', name)
// No machine has so many, whatever else is installed on it.
const nowhere = parseDevice('cuda:63')

describe('a probe', () => {
  test('lets the processor compute', async () => {
    expect(await probeDevice(CPU)).toEqual({ available: true })
  })

  test('tells in one line why a device cannot be used, and what would help', async () => {
    const probe = await probeDevice(nowhere)
    expect(probe).toMatchObject({ available: false, reason: expect.stringMatching(/^[^\n]{5,200}$/) })
    expect(probe).toMatchObject({ remedy: expect.stringContaining('--device cpu') })
  })

  test('survives a driver that crashes', async () => {
    expect(await probeDevice(CPU, { childEntry: fixture('crashingChild.js') })).toMatchObject({
      available: false,
      reason: 'its driver ended the process (exit 3)',
    })
  })

  test('survives a driver that hangs', async () => {
    expect(await probeDevice(CPU, { childEntry: fixture('silentChild.js'), timeoutMs: 100 })).toMatchObject({
      available: false,
      reason: 'it did not compute anything within 0.1 s',
    })
  })

  test('ends with its signal', async () => {
    const reason = new Error('no longer wanted')
    const controller = new AbortController()
    const probe = probeDevice(CPU, { childEntry: fixture('silentChild.js'), signal: controller.signal })
    controller.abort(reason)
    await expect(probe).rejects.toBe(reason)
  })
})

test('a device that is asked for and cannot be used is an error; nothing else is used in its place', async () => {
  await requireDevices([CPU])
  await expect(requireDevices([CPU, nowhere])).rejects.toMatchObject({
    code: 'CRYNUX_DEVICE_UNAVAILABLE',
    exitCode: 3,
    message: expect.stringContaining('device cuda:63 cannot be used: '),
    details: { device: 'cuda:63' },
  })
})
