import { expect, test } from 'vitest'
import { parseDevice } from '../../../src/core/devices/device.js'
import { explainFailure, firstLine } from '../../../src/core/devices/explainFailure.js'

// The first four were recorded with onnxruntime-node 1.30.0 on Linux x64, paths shortened; the others are written after the sources of
// onnxruntime, CUDA and Dawn, since no GPU was at hand.
test.each([
  [
    'cuda:0',
    'no available backend found. ERR: [cuda] backend not found.',
    'this provider is not in this build of onnxruntime-node',
  ],
  [
    'cuda:0',
    'FAIL : Failed to load library /x/libonnxruntime_providers_shared.so with error: /x/libonnxruntime_providers_shared.so: cannot open shared object file: No such file or directory\nOrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library',
    "the provider's part of onnxruntime-node is not installed",
  ],
  [
    'webgpu',
    'Warning: vkCreateInstance failed with VK_ERROR_INCOMPATIBLE_DRIVER\n at CheckVkSuccessImpl',
    'no graphics driver that can be used is found',
  ],
  [
    'webgpu',
    "Warning: Couldn't load Vulkan: libvulkan.so.1: cannot open shared object file: No such file or directory\nFailed to get a WebGPU adapter: No supported adapters",
    'library libvulkan.so.1 is missing',
  ],
  [
    'cuda:0',
    'Failed to load library /x/libonnxruntime_providers_cuda.so with error: libcublasLt.so.12: cannot open shared object file: No such file or directory',
    'library libcublasLt.so.12 is missing',
  ],
  [
    'cuda:0',
    'CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version ; GPU=0',
    'the driver is older than the CUDA libraries need',
  ],
  ['cuda:0', 'CUDA failure 100: no CUDA-capable device is detected ; GPU=-1', 'CUDA finds no GPU'],
  ['cuda:7', 'CUDA failure 101: invalid device ordinal ; GPU=7', 'there is no device with this number'],
  ['cuda:0', 'CUDA failure 2: out of memory ; GPU=0', 'it has not enough memory'],
  [
    'dml:0',
    '887A0005 The GPU device instance has been suspended. DXGI_ERROR_DEVICE_REMOVED',
    'the device stopped working',
  ],
])('%s: %s', (device, messages, reason) => {
  expect(explainFailure(parseDevice(device), messages)?.reason).toBe(reason)
})

test('what nobody foresaw is not explained, but told in one line without paths', () => {
  const message = '\n/onnxruntime_src/core/x.cc:12 something\u0007 in C:\\Users\\me\\model.onnx failed\nmore'
  expect(explainFailure(parseDevice('cuda'), message)).toBeUndefined()
  expect(firstLine(message)).toBe('x.cc:12 something  in model.onnx failed')
  expect(firstLine('y'.repeat(500))).toHaveLength(160)
  expect(firstLine('')).toBe('no reason given')
})
