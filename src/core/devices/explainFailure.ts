import type { Device, DeviceFailure, Provider } from './device.js'

/**
 * What onnxruntime, CUDA, Dawn and the dynamic linker say when a device cannot be used → one line for the user. The first that
 * matches counts: a missing library comes before what fails because of it.
 */
const KNOWN: readonly [pattern: RegExp, reason: string | ((match: RegExpExecArray) => string)][] = [
  [/backend not found/, 'this provider is not in this build of onnxruntime-node'],
  [
    /onnxruntime_providers_\w+\.(?:so|dll): cannot open shared object|LoadLibrary failed.*onnxruntime_providers_/,
    "the provider's part of onnxruntime-node is not installed",
  ],
  [/\b(lib[\w.+-]+?\.so[\d.]*): cannot open shared object/, ([, library]) => `library ${library} is missing`],
  [/error loading "?[^"\n]*?([\w.-]+\.dll)|(\w[\w.-]*\.dll)[^\n]*(?:is|are) missing/i, 'a library is missing'],
  [/driver version is insufficient/i, 'the driver is older than the CUDA libraries need'],
  [/no CUDA-capable device|CUDA failure 100\b/i, 'CUDA finds no GPU'],
  [
    /invalid device ordinal|CUDA failure 101\b|Invalid adapter|DXGI_ERROR_NOT_FOUND/i,
    'there is no device with this number',
  ],
  [
    /no supported adapters|Failed to get a WebGPU adapter|ERROR_INCOMPATIBLE_DRIVER/i,
    'no graphics driver that can be used is found',
  ],
  [/out of memory|OUT_OF_MEMORY|E_OUTOFMEMORY|Failed to allocate memory|CUDA failure 2\b/i, 'it has not enough memory'],
  [/device (?:was |is )?lost|DEVICE_LOST|DEVICE_REMOVED|DEVICE_HUNG|Xid\b/i, 'the device stopped working'],
  [/fallback to CPU EP has been explicitly disabled/, 'it left a small test graph to the processor'],
  [/Failed to load shared library/, "the provider's part of onnxruntime-node, or a library of it, is missing"],
]

const CUDA_REMEDY =
  'On Linux x64 run `node node_modules/onnxruntime-node/script/install.js --onnxruntime-node-install=cuda12` where crynux is installed, with CUDA 12 and cuDNN 9 on the library path; or use --device cpu.'

const REMEDIES: Record<Provider, string> = {
  cpu: 'Reinstall the package: onnxruntime-node is incomplete.',
  webgpu:
    'Install a Vulkan driver (vulkaninfo --summary must list the GPU; macOS and Windows need none), or use --device cpu.',
  cuda: CUDA_REMEDY,
  tensorrt: `${CUDA_REMEDY} TensorRT 10 is needed as well.`,
  coreml: 'coreml is part of macOS; use --device cpu or webgpu elsewhere.',
  dml: 'dml is part of Windows; use --device cpu, webgpu or cuda elsewhere.',
}

/** The failure that these messages tell of; undefined when they tell of none that is known. */
export function explainFailure(device: Device, messages: string): DeviceFailure | undefined {
  for (const [pattern, reason] of KNOWN) {
    const match = pattern.exec(messages)
    if (match) return failure(device, typeof reason === 'string' ? reason : reason(match))
  }
  return undefined
}

/** A failure for this reason, with the remedy that fits the device. */
export const failure = (device: Device, reason: string): DeviceFailure => ({
  reason,
  remedy: REMEDIES[device.provider],
})

/** The first line of a message that nobody foresaw, without paths and control characters, short enough to be printed. */
export function firstLine(message: string): string {
  const line = message.split('\n').find((each) => each.trim() !== '') ?? 'no reason given'
  const clean = line
    .replaceAll(/(?:[A-Za-z]:)?[\\/](?:[^\s:'"\\/]+[\\/])+/g, '')
    .replaceAll(/\p{C}/gu, ' ')
    .trim()
  return clean.length > 160 ? `${clean.slice(0, 159)}…` : clean
}
