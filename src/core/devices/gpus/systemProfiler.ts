import type { Gpu } from './gpu.js'

export const SYSTEM_PROFILER = ['system_profiler', ['-json', 'SPDisplaysDataType']] as const

/**
 * Reads `system_profiler -json SPDisplaysDataType` of macOS.
 *
 * @param systemMemoryMb the memory that the GPUs of Apple's own processors share.
 */
export function parseSystemProfiler(output: string, systemMemoryMb: number): Gpu[] {
  let displays: unknown
  try {
    displays = (JSON.parse(output) as { SPDisplaysDataType?: unknown } | null)?.SPDisplaysDataType
  } catch {
    return []
  }
  if (!Array.isArray(displays)) return []
  return displays.flatMap((entry: Record<string, unknown> | null, index): Gpu[] => {
    const name = entry?.sppci_model ?? entry?._name
    if (typeof name !== 'string' || name.trim() === '') return []
    const memoryMb =
      megabytes(entry?.spdisplays_vram) ??
      megabytes(entry?.spdisplays_vram_shared) ??
      (name.startsWith('Apple') ? systemMemoryMb : undefined)
    return [{ name: name.trim(), index, source: 'system_profiler', ...(memoryMb === undefined ? {} : { memoryMb }) }]
  })
}

function megabytes(text: unknown): number | undefined {
  const [, number, unit] = typeof text === 'string' ? (/^(\d+(?:\.\d+)?)\s*(MB|GB)$/.exec(text.trim()) ?? []) : []
  return number === undefined ? undefined : Number(number) * (unit === 'GB' ? 1024 : 1)
}
