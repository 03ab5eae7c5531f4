import { expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.js'
import { silentLogger } from '../../../src/base/logger.js'
import { parseDevices } from '../../../src/core/devices/device.js'
import { openDevices } from '../../../src/roles/node/openDevices.js'

const dependencies = {
  logger: silentLogger,
  clock: systemClock,
  signal: new AbortController().signal,
  modelFolder: async () => '',
}
const open = (devices: string, given = {}) => openDevices(dependencies, { devices: parseDevices(devices), ...given })

test('a node without a GPU announces none, and leaves alone what the chain knows', async () => {
  expect(await open('cpu')).toMatchObject({
    hardware: { gpuModel: expect.stringMatching(/^CPU /), vramGb: 4 },
    known: false,
  })
  expect(await open('cpu', { vramGb: 16 })).toMatchObject({
    hardware: { gpuModel: expect.stringMatching(/^CPU /), vramGb: 16 },
    known: true,
  })
})

test('a node whose device cannot be used does not start, whatever it is said to be', async () => {
  await expect(open('cuda:63', { gpuModel: 'mine', vramGb: 8 })).rejects.toMatchObject({
    code: 'CRYNUX_DEVICE_UNAVAILABLE',
    exitCode: 3,
  })
})
