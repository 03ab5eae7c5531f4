import type { Device } from '../device.js'
import type { Gpu } from './gpu.js'

/**
 * The GPU behind a device, as far as it can be known: CUDA counts those that CUDA_VISIBLE_DEVICES lets it see, in the order of the bus
 * (inference processes are started with CUDA_DEVICE_ORDER=PCI_BUS_ID), as nvidia-smi does. Vulkan, Metal and Direct3D take one that is no
 * processor in disguise.
 */
export function gpuOf(
  { provider, index }: Device,
  gpus: readonly Gpu[],
  environment: NodeJS.ProcessEnv = process.env,
): Gpu | undefined {
  switch (provider) {
    case 'cpu':
      return undefined
    case 'cuda':
    case 'tensorrt':
      return visible(
        gpus.filter(({ source }) => source === 'nvidia-smi'),
        environment.CUDA_VISIBLE_DEVICES,
      )[index]
    default: {
      const others = gpus.filter(({ source }) => source !== 'nvidia-smi')
      const real = others.filter(({ software }) => !software)
      return real.length > 0 ? real[index] : others[index]
    }
  }
}

/** As CUDA does, the list ends at the first entry that is none. */
function visible(gpus: readonly Gpu[], list: string | undefined): Gpu[] {
  if (list === undefined) return [...gpus]
  const seen: Gpu[] = []
  for (const name of list.split(',').map((each) => each.trim())) {
    const gpu = /^\d+$/.test(name)
      ? gpus.find(({ index }) => index === Number(name))
      : name !== '' && gpus.find(({ uuid }) => uuid?.startsWith(name))
    if (!gpu) break
    seen.push(gpu)
  }
  return seen
}
