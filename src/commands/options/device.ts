import { Option } from 'commander'
import { CPU, type Device, formatDevice, PROVIDERS, parseDevice, parseDevices } from '../../core/devices/device.js'

/** `--device`, for commands that run one task at a time. */
export const deviceOption = (): Option =>
  new Option(
    '--device <name>',
    `what to compute on: ${PROVIDERS.join(', ')}; with a number for one of several, e.g. cuda:1`,
  )
    .env('CRYNUX_DEVICE')
    .argParser(parseDevice)
    .default(CPU, formatDevice(CPU))

/** `--devices`, for the node. */
export const devicesOption = (): Option =>
  new Option('--devices <list>', 'what to compute on, with commas between several, e.g. cuda:0,cuda:1')
    .env('CRYNUX_DEVICES')
    .argParser(parseDevices)
    .default([CPU] satisfies Device[], formatDevice(CPU))
