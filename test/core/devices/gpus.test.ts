import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { packageRoot } from '../../../src/base/packageRoot.js'
import { announcedHardware } from '../../../src/core/devices/announcedHardware.js'
import { parseDevice, parseDevices } from '../../../src/core/devices/device.js'
import { detectGpus, type RunTool } from '../../../src/core/devices/gpus/detectGpus.js'
import type { Gpu } from '../../../src/core/devices/gpus/gpu.js'
import { gpuOf } from '../../../src/core/devices/gpus/gpuOf.js'
import { parseNvidiaSmi } from '../../../src/core/devices/gpus/nvidiaSmi.js'
import { parseSystemProfiler } from '../../../src/core/devices/gpus/systemProfiler.js'
import { parseVulkanInfo } from '../../../src/core/devices/gpus/vulkanInfo.js'

const recorded = (name: string) => readFile(join(packageRoot, 'test/core/devices/recorded', name), 'utf8')

describe('what tools say', () => {
  test('nvidia-smi', async () => {
    expect(parseNvidiaSmi(await recorded('nvidia-smi.csv'))).toMatchObject([
      { index: 0, name: 'NVIDIA GeForce RTX 4090', memoryMb: 24564, uuid: 'GPU-5f0c2d1e-8a4b-7c3d-9e2f-1a2b3c4d5e6f' },
      { index: 1, name: 'NVIDIA GeForce RTX 4090', memoryMb: 24564 },
      { index: 2, name: 'NVIDIA H200', memoryMb: 143771 },
      { index: 3, name: 'NVIDIA GB10' },
    ])
    expect(parseNvidiaSmi(await recorded('nvidia-smi.csv'))[3]).not.toHaveProperty('memoryMb')
  })

  test.each([
    '',
    'No devices were found\n',
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
    '0,\n, ,',
  ])('nvidia-smi: %j is no GPU', (output) => {
    expect(parseNvidiaSmi(output)).toEqual([])
  })

  test('vulkaninfo, with memory from its full output', async () => {
    const [summary, everything] = [await recorded('vulkaninfo-summary-radv.txt'), await recorded('vulkaninfo-radv.txt')]
    expect(parseVulkanInfo(summary, everything)).toEqual([
      { index: 0, name: 'AMD Radeon RX 7900 XTX (RADV NAVI31)', memoryMb: 24560, source: 'vulkaninfo' },
      { index: 1, name: 'llvmpipe (LLVM 17.0.6, 256 bits)', software: true, source: 'vulkaninfo' },
    ])
    expect(parseVulkanInfo(summary)[0]).not.toHaveProperty('memoryMb')
    expect(parseVulkanInfo('Cannot create Vulkan instance.')).toEqual([])
  })

  test('vulkaninfo, as it was recorded', async () => {
    expect(
      parseVulkanInfo(
        await recorded('vulkaninfo-summary-swiftshader.txt'),
        await recorded('vulkaninfo-swiftshader.txt'),
      ),
    ).toEqual([
      { index: 0, name: 'SwiftShader Device (Subzero)', memoryMb: 2048, software: true, source: 'vulkaninfo' },
    ])
  })

  test("system_profiler: Apple's own GPUs share the memory of the system", async () => {
    expect(parseSystemProfiler(await recorded('system_profiler-m2.json'), 16384)).toEqual([
      { index: 0, name: 'Apple M2 Pro', memoryMb: 16384, source: 'system_profiler' },
    ])
    expect(parseSystemProfiler(await recorded('system_profiler-intel.json'), 16384)).toEqual([
      { index: 0, name: 'Intel UHD Graphics 630', memoryMb: 1536, source: 'system_profiler' },
      { index: 1, name: 'AMD Radeon Pro 5500M', memoryMb: 8192, source: 'system_profiler' },
    ])
  })

  test.each(['', 'null', '[]', '{"SPDisplaysDataType": 3}', '{"SPDisplaysDataType": [null, {}, {"sppci_model": 3}]}'])(
    'system_profiler: %j is no GPU',
    (output) => {
      expect(parseSystemProfiler(output, 1)).toEqual([])
    },
  )
})

describe('detection', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'crynux-gpus-'))
  })
  afterEach(() => {
    vi.unstubAllEnvs()
  })
  afterAll(() => rm(folder, { recursive: true }))

  test.skipIf(process.platform === 'win32')(
    'asks the programs of the system, and says what they could not tell',
    async () => {
      await writeFile(
        join(folder, 'nvidia-smi'),
        `#!/bin/sh
echo "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that it is running."
exit 9
`,
      )
      await writeFile(
        join(folder, 'vulkaninfo'),
        `#!/bin/sh
if [ "$1" = --summary ]; then /bin/cat ${join(packageRoot, 'test/core/devices/recorded/vulkaninfo-summary-radv.txt')}; else exit 1; fi
`,
      )
      for (const tool of ['nvidia-smi', 'vulkaninfo']) await chmod(join(folder, tool), 0o755)
      vi.stubEnv('PATH', folder)
      const { gpus, notes } = await detectGpus({ platform: 'linux' })
      expect(gpus.map(({ name }) => name)).toEqual([
        'AMD Radeon RX 7900 XTX (RADV NAVI31)',
        'llvmpipe (LLVM 17.0.6, 256 bits)',
      ])
      expect(notes).toEqual([
        "nvidia-smi: NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that it is running.",
      ])
    },
  )

  test('a machine without any of the programs has no GPUs, and notes', async () => {
    vi.stubEnv('PATH', join(folder, 'nothing'))
    expect(await detectGpus({ platform: 'linux' })).toEqual({
      gpus: [],
      notes: ['nvidia-smi: is not installed', 'vulkaninfo: is not installed'],
    })
    expect(await detectGpus({ platform: 'darwin' })).toEqual({ gpus: [], notes: ['system_profiler: is not installed'] })
  })

  test('each platform has its own programs', async () => {
    const asked: string[] = []
    const runTool: RunTool = async ([file]) => {
      asked.push(file)
      return { stdout: '' }
    }
    await detectGpus({ runTool, platform: 'darwin' })
    await detectGpus({ runTool, platform: 'win32' })
    expect(asked).toEqual(['system_profiler', 'nvidia-smi', 'vulkaninfo'])
  })
})

const rtx = (index: number, more: Partial<Gpu> = {}): Gpu => ({
  name: 'NVIDIA GeForce RTX 4090',
  memoryMb: 24564,
  source: 'nvidia-smi',
  index,
  uuid: `GPU-${index}aaa`,
  ...more,
})
const radeon: Gpu = { name: 'AMD Radeon RX 7900 XTX (RADV NAVI31)', memoryMb: 24560, source: 'vulkaninfo', index: 1 }
const painter: Gpu = { name: 'llvmpipe', memoryMb: 2048, source: 'vulkaninfo', index: 0, software: true }

describe('the GPU behind a device', () => {
  const gpus = [rtx(0), rtx(1, { name: 'NVIDIA H200' }), painter, radeon]
  test.each<[string, string | undefined, string | undefined]>([
    ['cpu', undefined, undefined],
    ['cuda:0', undefined, 'NVIDIA GeForce RTX 4090'],
    ['tensorrt:1', undefined, 'NVIDIA H200'],
    ['cuda:2', undefined, undefined],
    ['cuda:0', '1', 'NVIDIA H200'],
    ['cuda:1', '1,0', 'NVIDIA GeForce RTX 4090'],
    ['cuda:0', 'GPU-1', 'NVIDIA H200'],
    ['cuda:1', '0,-1,1', undefined],
    ['cuda:0', '', undefined],
    ['webgpu', undefined, 'AMD Radeon RX 7900 XTX (RADV NAVI31)'],
  ])('%s with CUDA_VISIBLE_DEVICES=%s is %s', (device, visible, name) => {
    const environment = visible === undefined ? {} : { CUDA_VISIBLE_DEVICES: visible }
    expect(gpuOf(parseDevice(device), gpus, environment)?.name).toBe(name)
  })

  test('is a processor in disguise where there is nothing else', () => {
    expect(gpuOf(parseDevice('webgpu'), [rtx(0), painter], {})).toBe(painter)
  })
})

describe('what a node announces', () => {
  const announce = (devices: string, gpus: Gpu[], given = {}) =>
    announcedHardware(parseDevices(devices), { gpus, processor: 'CPU x64', given, environment: {} })

  test.each<[string, Gpu[], object, string, number]>([
    ['cpu', [rtx(0)], {}, 'CPU x64', 4],
    ['cpu', [], { gpuModel: 'EPYC' }, 'EPYC', 4],
    ['cuda:0', [rtx(0)], {}, 'NVIDIA GeForce RTX 4090', 24],
    ['cuda:0,cuda:1', [rtx(0), rtx(1, { memoryMb: 12000 })], {}, 'NVIDIA GeForce RTX 4090', 12],
    ['tensorrt:0', [rtx(0)], {}, 'NVIDIA GeForce RTX 4090 (tensorrt)', 24],
    ['webgpu', [radeon], {}, 'AMD Radeon RX 7900 XTX (RADV NAVI31) (webgpu)', 24],
    ['cuda:0', [rtx(0)], { gpuModel: 'mine', vramGb: 8 }, 'mine', 8],
    ['cuda:0', [], { gpuModel: 'mine', vramGb: 8 }, 'mine', 8],
    ['cuda:0', [rtx(0, { memoryMb: 300 })], {}, 'NVIDIA GeForce RTX 4090', 1],
    ['cuda:0,cuda:1', [rtx(0), rtx(1, { name: 'NVIDIA H200' })], { gpuModel: 'both' }, 'both', 24],
  ])('%s', (devices, gpus, given, gpuModel, vramGb) => {
    expect(announce(devices, gpus, given)).toEqual({ gpuModel, vramGb })
  })

  test.each<[string, Gpu[], object, string]>([
    ['cpu,cuda:0', [rtx(0)], {}, 'devices cpu and cuda:0 are not of one kind'],
    [
      'cuda:0,cuda:1',
      [rtx(0), rtx(1, { name: 'NVIDIA H200' })],
      {},
      'devices cuda:0 (NVIDIA GeForce RTX 4090) and cuda:1 (NVIDIA H200) are not of one model',
    ],
    ['cuda:0', [], {}, 'the model of cuda:0 cannot be found out'],
    ['cuda:0', [], { gpuModel: 'mine' }, 'the memory of cuda:0 cannot be found out'],
    ['cuda:0', [], { vramGb: 8 }, 'the model of cuda:0 cannot be found out'],
  ])('%s is refused', (devices, gpus, given, complaint) => {
    expect(() => announce(devices, gpus, given)).toThrow(complaint)
  })
})
