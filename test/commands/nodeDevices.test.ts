import { expect, test } from 'vitest'
import { runCrynux } from '../helpers/crynuxProcess.js'

test('crynux node devices tells of every kind of device whether it can be used, and why not', async () => {
  const { status, stdout } = await runCrynux(['node', 'devices', '--json'])
  expect(status).toBe(0)
  const { schema, data } = JSON.parse(stdout)
  expect(schema).toBe('crynux.node-devices/v1')
  expect(data.devices.map(({ device }: { device: string }) => device.split(':')[0])).toEqual(
    expect.arrayContaining(['cpu', 'webgpu', 'cuda', 'tensorrt', 'coreml', 'dml']),
  )
  expect(data.devices[0]).toEqual({ device: 'cpu', gpu: null, memoryMb: null, available: true })
  for (const { available, reason, remedy } of data.devices) {
    if (!available) expect([reason, remedy]).toEqual([expect.stringMatching(/^.{5,200}$/), expect.stringMatching(/./)])
  }
}, 60_000)

test.each([
  [['infer', '--prompt', 'x', '--device', 'gpu'], 2, "'gpu' is not a device"],
  [['infer', '--prompt', 'x', '--device', 'cuda:63'], 3, 'device cuda:63 cannot be used: '],
  [['node', 'start', '--devices', 'cuda:0,cuda:0'], 2, 'device cuda:0 is named twice'],
])('%j ends with %i and one clear line', async (args, code, complaint) => {
  const { status, stdout, stderr } = await runCrynux(args)
  expect({ status, stdout }).toEqual({ status: code, stdout: '' })
  expect(stderr).toContain(`error: ${complaint}`)
})
