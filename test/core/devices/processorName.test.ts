import { expect, test } from 'vitest'
import { processorName } from '../../../src/core/devices/processorName.js'

const named = (arch: string, info: string | undefined, model = '') =>
  processorName({
    arch,
    model,
    readCpuInfo: async () => {
      if (info === undefined) throw new Error('no such file')
      return info
    },
  })

// The runtime's kernels for these give other last bits, and nodes of one name must agree on every bit of an answer.
test.each<[string, string, string | undefined, string, string]>([
  ['an older x64', 'x64', 'model name\t: x\nflags\t\t: fpu sse2 avx\n', '', 'CPU x64'],
  ['AVX2', 'x64', 'flags\t\t: fpu avx fma avx2\n', '', 'CPU x64 avx2'],
  ['AVX2 with VNNI', 'x64', 'flags\t\t: avx2 avx_vnni\n', '', 'CPU x64 avx2 vnni'],
  ['AVX-512', 'x64', 'flags\t\t: avx2 avx512f avx512bw\n', '', 'CPU x64 avx512'],
  ['AVX-512 with VNNI twice', 'x64', 'flags\t\t: avx2 avx512f avx512_vnni avx_vnni\n', '', 'CPU x64 avx512 vnni'],
  ['AMX', 'x64', 'flags\t\t: avx2 avx512f avx512_vnni amx_int8\n', '', 'CPU x64 avx512 vnni amx'],
  ['arm64', 'arm64', 'Features\t: fp asimd asimddp i8mm\n', '', 'CPU arm64 dot i8mm'],
  ['macOS', 'arm64', undefined, 'Apple M2', 'CPU arm64 (Apple M2)'],
  ['Windows', 'x64', undefined, 'Intel(R)  Core\u0007 i7 ', 'CPU x64 (Intel(R) Core i7)'],
  ['nothing known', 'x64', '', '', 'CPU x64'],
  ['another architecture', 'riscv64', 'isa\t: rv64\n', 'unknown', 'CPU riscv64 (unknown)'],
])('%s', async (_case, arch, info, model, name) => {
  expect(await named(arch, info, model)).toBe(name)
})

test('this machine has one name', async () => {
  expect(await processorName()).toMatch(new RegExp(`^CPU ${process.arch}`))
  expect(await processorName()).toBe(await processorName())
})
