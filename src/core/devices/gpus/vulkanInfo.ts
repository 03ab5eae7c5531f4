import type { Gpu } from './gpu.js'

export const VULKAN_SUMMARY = ['vulkaninfo', ['--summary']] as const
/** Everything: the summary says nothing about memory. */
export const VULKAN_INFO = ['vulkaninfo', []] as const

/**
 * Reads `vulkaninfo --summary`, and with it the memory of each GPU from plain `vulkaninfo`, if that is there.
 *
 * GPUs come in Vulkan's order.
 */
export function parseVulkanInfo(summary: string, everything = ''): Gpu[] {
  const memory = new Map(sections(everything).map(({ index, text }) => [index, deviceLocalMb(text)]))
  return sections(summary).flatMap(({ index, text }): Gpu[] => {
    const name = value(text, 'deviceName')
    if (!name) return []
    const software = value(text, 'deviceType') === 'PHYSICAL_DEVICE_TYPE_CPU'
    const memoryMb = memory.get(index)
    return [
      {
        name,
        index,
        source: 'vulkaninfo',
        ...(memoryMb ? { memoryMb } : {}),
        ...(software ? { software } : {}),
      },
    ]
  })
}

/** What follows each line `GPU0:`; in the full output the same number may stand in several chapters. */
function sections(output: string): { index: number; text: string }[] {
  const found = new Map<number, string>()
  const parts = output.split(/^GPU(\d+):.*$/m)
  for (let at = 1; at < parts.length; at += 2) {
    const index = Number(parts[at])
    found.set(index, `${found.get(index) ?? ''}${parts[at + 1] ?? ''}`)
  }
  return [...found].map(([index, text]) => ({ index, text }))
}

const value = (text: string, name: string): string | undefined =>
  new RegExp(`^\\s*${name}\\s*=\\s*(\\S.*?)\\s*$`, 'm').exec(text)?.[1]

/** The largest heap that is the device's own: small windows into the same memory are listed as heaps, too. */
function deviceLocalMb(text: string): number {
  const heaps = [...text.matchAll(/memoryHeaps\[\d+\]:\s*size\s*=\s*(\d+)([\s\S]*?)(?=memoryHeaps\[|memoryTypes|$)/g)]
  const own = heaps.filter(([, , rest]) => rest?.includes('MEMORY_HEAP_DEVICE_LOCAL_BIT'))
  return Math.floor(Math.max(0, ...own.map(([, bytes]) => Number(bytes))) / 2 ** 20)
}
