import { totalmem } from 'node:os'
import { firstLine } from '../explainFailure.js'
import type { Gpu } from './gpu.js'
import { NVIDIA_SMI, parseNvidiaSmi } from './nvidiaSmi.js'
import { parseSystemProfiler, SYSTEM_PROFILER } from './systemProfiler.js'
import { parseVulkanInfo, VULKAN_INFO, VULKAN_SUMMARY } from './vulkanInfo.js'

/** What a program of the system printed, or why there is nothing. */
export type ToolOutput = { stdout: string } | { failure: string }
export type RunTool = (tool: readonly [file: string, args: readonly string[]]) => Promise<ToolOutput>

/** The GPUs of this machine, the same one perhaps once for each tool; and why tools that were asked have nothing to say. */
export type GpuReport = { gpus: Gpu[]; notes: string[] }

/** Asks the tools that the platform has. None of them is needed: what is not found can be said by hand. */
export async function detectGpus({
  runTool = runWithTimeLimit,
  platform = process.platform,
}: {
  runTool?: RunTool
  platform?: string
} = {}): Promise<GpuReport> {
  const notes: string[] = []
  const read = async (tool: Parameters<RunTool>[0], silent = false): Promise<string> => {
    const output = await runTool(tool)
    if ('stdout' in output) return output.stdout
    if (!silent) notes.push(`${tool[0]}: ${output.failure}`)
    return ''
  }
  if (platform === 'darwin') {
    const gpus = parseSystemProfiler(await read(SYSTEM_PROFILER), Math.floor(totalmem() / 2 ** 20))
    return { gpus, notes }
  }
  const [nvidia, summary] = await Promise.all([read(NVIDIA_SMI), read(VULKAN_SUMMARY)])
  const everything = summary === '' ? '' : await read(VULKAN_INFO, true)
  return { gpus: [...parseNvidiaSmi(nvidia), ...parseVulkanInfo(summary, everything)], notes }
}

/** Tools of broken drivers hang. */
const TOOL_LIMIT_MS = 10_000

const runWithTimeLimit: RunTool = async ([file, args]) => {
  const { execa } = await import('execa')
  const { stdout, failed, code, timedOut, stderr } = await execa(file, args, {
    reject: false,
    timeout: TOOL_LIMIT_MS,
    killSignal: 'SIGKILL',
    stdin: 'ignore',
    maxBuffer: 8 * 2 ** 20,
  })
  if (!failed) return { stdout }
  if (code === 'ENOENT') return { failure: 'is not installed' }
  if (timedOut) return { failure: `did not answer within ${TOOL_LIMIT_MS / 1000} s` }
  return { failure: firstLine(`${stdout}\n${stderr}`) }
}
