import { readFile } from 'node:fs/promises'
import { cpus } from 'node:os'

/** Instructions for which the runtime has kernels of its own, as Linux calls them. */
const KERNELS: Readonly<Record<string, readonly (readonly [flag: string, name: string])[]>> = {
  x64: [
    ['avx512f', 'avx512'],
    ['avx2', 'avx2'],
    ['avx512_vnni', 'vnni'],
    ['avx_vnni', 'vnni'],
    ['amx_int8', 'amx'],
  ],
  arm64: [
    ['asimddp', 'dot'],
    ['i8mm', 'i8mm'],
    ['sve', 'sve'],
  ],
}

/**
 * What a node without a GPU calls its hardware, e.g. `CPU x64 avx512 vnni`: the runtime sums in another order with other vector
 * instructions, so that answers, which are compared bit by bit, may differ between processors as they do between GPUs.
 *
 * Where the system does not tell the instructions, the processor's model stands for them.
 */
export async function processorName({
  arch = process.arch,
  readCpuInfo = () => readFile('/proc/cpuinfo', 'utf8'),
  model = cpus()[0]?.model ?? '',
}: {
  arch?: string
  readCpuInfo?: () => Promise<string>
  model?: string
} = {}): Promise<string> {
  const info = await readCpuInfo().catch(() => '')
  const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(info)?.[1]?.trim().split(/\s+/)
  const kernels = KERNELS[arch]
  if (flags && kernels) {
    const names = new Set(kernels.filter(([flag]) => flags.includes(flag)).map(([, name]) => name))
    // The wider kernels take the place of the narrower ones.
    if (names.has('avx512')) names.delete('avx2')
    return ['CPU', arch, ...names].join(' ')
  }
  const plain = model.replaceAll(/\p{C}/gu, '').replaceAll(/\s+/g, ' ').trim().slice(0, 80)
  return plain === '' ? `CPU ${arch}` : `CPU ${arch} (${plain})`
}
