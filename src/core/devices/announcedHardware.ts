import { InvalidInputError } from '../../base/errors.js'
import { type Device, formatDevice } from './device.js'
import type { Gpu } from './gpus/gpu.js'
import { gpuOf } from './gpus/gpuOf.js'

/** What a node tells the chain about its hardware. */
export type Hardware = { gpuModel: string; vramGb: number }

/** What a node without a GPU announces as its memory. */
const PROCESSOR_VRAM_GB = 4

/**
 * What a node with these devices announces. All of them must be of one model and provider, since the chain knows one model for a node and
 * draws three nodes of one model where every bit counts; the memory is that of the smallest.
 *
 * The model's name is the one that the system's tool gives, with the provider behind it unless that is CUDA: the same GPU gives other last
 * bits through another provider.
 *
 * @param processor the name of the processor, for a node without a GPU
 * @param given what the user says, which is believed
 * @throws InvalidInputError when devices differ, or when the GPU is not known and the user says nothing
 */
export function announcedHardware(
  devices: readonly Device[],
  {
    gpus,
    processor,
    given,
    environment,
  }: { gpus: readonly Gpu[]; processor: string; given: Partial<Hardware>; environment?: NodeJS.ProcessEnv },
): Hardware {
  const [first] = devices
  if (!first) throw new TypeError('a node needs a device')
  const other = devices.find(({ provider }) => provider !== first.provider)
  if (other) {
    throw new InvalidInputError(`devices ${formatDevice(first)} and ${formatDevice(other)} are not of one kind`, {
      remedy: 'A node is one GPU model to the network: start one node for each kind, each with its own wallet.',
    })
  }
  if (first.provider === 'cpu') return { gpuModel: processor, vramGb: PROCESSOR_VRAM_GB, ...given }
  const found = devices.map((device) => gpuOf(device, gpus, environment))
  const [gpu] = found
  const different = found.findIndex((each) => each?.name !== gpu?.name)
  if (different > 0 && given.gpuModel === undefined) {
    const name = (index: number) => `${formatDevice(devices[index] as Device)} (${found[index]?.name ?? 'unknown'})`
    throw new InvalidInputError(`devices ${name(0)} and ${name(different)} are not of one model`, {
      remedy: 'A node is one GPU model to the network: start one node for each model, each with its own wallet.',
    })
  }
  const memories = found.map((each) => each?.memoryMb)
  const known = memories.filter((memory) => memory !== undefined)
  const vramGb = given.vramGb ?? (known.length === memories.length ? wholeGb(Math.min(...known)) : undefined)
  const gpuModel = given.gpuModel ?? (gpu && (first.provider === 'cuda' ? gpu.name : `${gpu.name} (${first.provider})`))
  if (gpuModel === undefined || vramGb === undefined) {
    const what = gpuModel === undefined ? 'model' : 'memory'
    throw new InvalidInputError(`the ${what} of ${formatDevice(first)} cannot be found out`, {
      remedy: 'Give --gpu-model <name> and --vram-gb <number>; `crynux node devices` shows what was tried.',
    })
  }
  return { gpuModel, vramGb }
}

/** Cards keep a little of their memory for themselves: 24,564 MB are sold as 24 GB. */
const wholeGb = (megabytes: number): number => Math.min(1024, Math.max(1, Math.round(megabytes / 1024)))
