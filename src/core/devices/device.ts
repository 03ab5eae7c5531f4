import { CrynuxError, EXIT, InvalidInputError } from '../../base/errors.js'

/** The execution providers of onnxruntime that a task may be run on. */
export const PROVIDERS = ['cpu', 'webgpu', 'cuda', 'tensorrt', 'coreml', 'dml'] as const
export type Provider = (typeof PROVIDERS)[number]

/** What networks run on: a provider, and which of its devices. */
export type Device = { provider: Provider; index: number }

/** The processor: always there, and what the golden data is met on. */
export const CPU: Device = { provider: 'cpu', index: 0 }

/** Providers that can be told which device to take; the others have one, or choose for themselves. */
const INDEXED: readonly Provider[] = ['cuda', 'tensorrt', 'dml']
const MAXIMUM_INDEX = 63

/** A device as it is written: `cpu`, `webgpu`, `cuda:0`. */
export const formatDevice = ({ provider, index }: Device): string =>
  INDEXED.includes(provider) ? `${provider}:${index}` : provider

/**
 * Parses `<provider>` or `<provider>:<index>`.
 *
 * @throws InvalidInputError
 */
export function parseDevice(text: string): Device {
  const [name = '', index = '0', ...rest] = text.trim().split(':')
  const provider = PROVIDERS.find((known) => known === name.toLowerCase())
  if (!provider || rest.length > 0) {
    throw new InvalidInputError(`'${printable(text)}' is not a device`, {
      remedy: `Give one of ${PROVIDERS.join(', ')}, with a number where there are several: cuda:1.`,
    })
  }
  if (!/^\d{1,2}$/.test(index) || Number(index) > MAXIMUM_INDEX) {
    throw new InvalidInputError(`'${printable(text)}' has no number from 0 to ${MAXIMUM_INDEX} after the colon`, {
      remedy: 'The first device has number 0.',
    })
  }
  if (Number(index) > 0 && !INDEXED.includes(provider)) {
    throw new InvalidInputError(`'${printable(text)}' has a number, and ${provider} has no devices to choose from`, {
      remedy: `Write ${provider}; ${INDEXED.join(', ')} take a number.`,
    })
  }
  return { provider, index: Number(index) }
}

/**
 * Parses devices with commas between them.
 *
 * @throws InvalidInputError also when one is named twice.
 */
export function parseDevices(text: string): Device[] {
  const devices = text.split(',').map(parseDevice)
  const names = devices.map(formatDevice)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) {
    throw new InvalidInputError(`device ${twice} is named twice`, { remedy: 'Name each device once.' })
  }
  return devices
}

const printable = (text: string): string => text.slice(0, 40).replaceAll(/\p{C}/gu, '?')

/** A device is asked for by name and cannot be used; nothing else is used in its place. */
export class DeviceUnavailableError extends CrynuxError {
  override readonly code = 'CRYNUX_DEVICE_UNAVAILABLE'
  override readonly exitCode = EXIT.configuration

  constructor(device: Device, { reason, remedy }: DeviceFailure) {
    const name = formatDevice(device)
    super(`device ${name} cannot be used: ${reason}`, { remedy, details: { device: name, reason } })
  }
}

/** Why a device cannot be used, and what the user can do about it. */
export type DeviceFailure = { reason: string; remedy: string }
