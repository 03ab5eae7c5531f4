/** A GPU as a tool of the system describes it. */
export type Gpu = {
  /** The model's name, as the tool writes it. */
  name: string
  /** Own memory, or what it shares with the processor; undefined when the tool does not tell. */
  memoryMb?: number
  /** The tool that knows it. */
  source: 'nvidia-smi' | 'vulkaninfo' | 'system_profiler'
  /** Its place in the tool's list, from 0. */
  index: number
  /** nvidia-smi: by what CUDA_VISIBLE_DEVICES may name it. */
  uuid?: string
  /** True for processors that draw in place of a GPU. */
  software?: boolean
}
