import type { Gpu } from './gpu.js'

export const NVIDIA_SMI = [
  'nvidia-smi',
  ['--query-gpu=index,uuid,memory.total,name', '--format=csv,noheader,nounits'],
] as const

/** Reads `nvidia-smi --query-gpu=index,uuid,memory.total,name --format=csv,noheader,nounits`; lines that are no GPU are left out. */
export function parseNvidiaSmi(output: string): Gpu[] {
  return output.split(/\r?\n/).flatMap((line): Gpu[] => {
    // The name is last, because it alone could hold a comma.
    const match = /^\s*(\d+),\s*([\w-]+),\s*([^,]*),\s*(\S.*?)\s*$/.exec(line)
    const [, index, uuid, memory, name] = match ?? []
    if (index === undefined || uuid === undefined || name === undefined) return []
    // `[N/A]` where memory is the system's, as on Jetson and GB10.
    const memoryMb = /^\d+$/.test(memory ?? '') ? { memoryMb: Number(memory) } : {}
    return [{ name, uuid, index: Number(index), source: 'nvidia-smi', ...memoryMb }]
  })
}
