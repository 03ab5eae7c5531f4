import { describe, expect, test } from 'vitest'
import { formatDevice, parseDevice, parseDevices } from '../../../src/core/devices/device.js'

describe('a device', () => {
  test.each([
    ['cpu', 'cpu'],
    ['WebGPU', 'webgpu'],
    ['webgpu:0', 'webgpu'],
    ['cuda', 'cuda:0'],
    [' cuda:1 ', 'cuda:1'],
    ['tensorrt:63', 'tensorrt:63'],
    ['coreml', 'coreml'],
    ['dml:2', 'dml:2'],
  ])('%s is %s', (text, device) => {
    expect(formatDevice(parseDevice(text))).toBe(device)
  })

  test.each([
    '',
    'gpu',
    'cuda:',
    'cuda:-1',
    'cuda:1.5',
    'cuda:64',
    'cuda:0:0',
    'cuda:0x1',
    'webgpu:1',
    'cpu:1',
    'cuda :1',
  ])('%j is refused', (text) => {
    expect(() => parseDevice(text)).toThrow(expect.objectContaining({ code: 'CRYNUX_INVALID_INPUT', exitCode: 2 }))
  })

  test('what is refused is shown without what would move the cursor', () => {
    expect(() => parseDevice('cu\u001b[2Jda')).toThrow("'cu?[2Jda' is not a device")
  })
})

describe('several devices', () => {
  test('stand with commas between them', () => {
    expect(parseDevices('cuda:0, cuda:1').map(formatDevice)).toEqual(['cuda:0', 'cuda:1'])
  })

  test.each([
    ['cuda,cuda:0', 'device cuda:0 is named twice'],
    ['cuda:0,', "'' is not a device"],
  ])('%s is refused', (text, complaint) => {
    expect(() => parseDevices(text)).toThrow(complaint)
  })
})
