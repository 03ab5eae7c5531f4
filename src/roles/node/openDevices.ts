import type { Clock } from '../../base/clock.js'
import type { Logger } from '../../base/logger.js'
import { announcedHardware, type Hardware } from '../../core/devices/announcedHardware.js'
import { CPU, type Device, formatDevice } from '../../core/devices/device.js'
import { detectGpus } from '../../core/devices/gpus/detectGpus.js'
import { requireDevices } from '../../core/devices/probeDevice.js'
import { processorName } from '../../core/devices/processorName.js'
import {
  createInferenceEngine,
  type InferenceEngine,
  type InferenceEngineOptions,
} from '../../core/inference/engine.js'
import { createEnginePool } from '../../core/inference/enginePool.js'

export type OpenDevicesDependencies = Pick<InferenceEngineOptions, 'modelFolder' | 'cacheFolder'> & {
  logger: Logger
  clock: Clock
  signal: AbortSignal
}

/** What a node computes on. */
export type OpenedDevices = {
  engine: InferenceEngine
  hardware: Hardware
  /** True unless the hardware is what is announced when nobody says anything. */
  known: boolean
}

/**
 * Probes a node's devices, finds out what they are, and makes an engine with one process for each.
 *
 * @throws DeviceUnavailableError, InvalidInputError when they are no one model of GPU or it cannot be found out
 */
export async function openDevices(
  { signal, clock, ...shared }: OpenDevicesDependencies,
  { devices, gpuModel, vramGb }: { devices: readonly Device[] } & Partial<Hardware>,
): Promise<OpenedDevices> {
  const given = { ...(gpuModel === undefined ? {} : { gpuModel }), ...(vramGb === undefined ? {} : { vramGb }) }
  const onlyProcessor = devices.every(({ provider }) => provider === CPU.provider)
  const complete = gpuModel !== undefined && vramGb !== undefined
  const { gpus } = onlyProcessor || complete ? { gpus: [] } : await detectGpus()
  const hardware = announcedHardware(devices, { gpus, processor: await processorName(), given })
  await requireDevices(devices, { signal })
  shared.logger.info(
    { device: devices.map(formatDevice).join(', '), model: hardware.gpuModel },
    `computes on ${hardware.gpuModel} with ${hardware.vramGb} GB`,
  )
  const engine = createEnginePool({
    devices,
    createEngine: (device) => createInferenceEngine({ ...shared, device }),
    clock,
    logger: shared.logger,
  })
  return { engine, hardware, known: !onlyProcessor || Object.keys(given).length > 0 }
}
