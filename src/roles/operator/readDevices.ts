import type { Device, DeviceFailure } from '../../core/devices/device.js'
import { formatDevice } from '../../core/devices/device.js'
import { detectGpus, type GpuReport } from '../../core/devices/gpus/detectGpus.js'
import { gpuOf } from '../../core/devices/gpus/gpuOf.js'
import { probeDevice } from '../../core/devices/probeDevice.js'

/** What `crynux node devices --json` prints. */
export type DevicesReport = {
  devices: ({ device: string; gpu: string | null; memoryMb: number | null } & (
    | { available: true }
    | ({ available: false } & DeviceFailure)
  ))[]
  /** Everything that the system's tools list, and why some of them list nothing. */
  gpus: GpuReport['gpus']
  notes: string[]
}

/** Tries every device that this machine could have, one after the other: drivers share what they probe. */
export async function readDevices(signal: AbortSignal): Promise<DevicesReport> {
  const { gpus, notes } = await detectGpus()
  const report: DevicesReport = { devices: [], gpus, notes }
  for (const device of candidates(gpus)) {
    const probe = await probeDevice(device, { signal })
    // Where a provider is not there at all, no GPU is behind it.
    const gpu = probe.available || BY_NUMBER.includes(device.provider) ? gpuOf(device, gpus) : undefined
    report.devices.push({
      device: formatDevice(device),
      gpu: gpu?.name ?? null,
      memoryMb: gpu?.memoryMb ?? null,
      ...probe,
    })
  }
  return report
}

/** The GPU of such a device is known even where the provider is missing. */
const BY_NUMBER: readonly Device['provider'][] = ['cuda', 'tensorrt']

/** Every provider, and those that count their devices once for each GPU. */
function candidates(gpus: GpuReport['gpus']): Device[] {
  const count = (source: string) => Math.max(1, gpus.filter((gpu) => gpu.source === source && !gpu.software).length)
  const each = (provider: Device['provider'], devices: number) =>
    Array.from({ length: devices }, (_, index) => ({ provider, index }))
  return [
    ...each('cpu', 1),
    ...each('webgpu', 1),
    ...each('cuda', count('nvidia-smi')),
    ...each('tensorrt', count('nvidia-smi')),
    ...each('coreml', 1),
    ...each('dml', process.platform === 'win32' ? count('vulkaninfo') : 1),
  ]
}
