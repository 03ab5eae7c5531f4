import type { Hex } from '../../base/hex.js'
import type { NodeRequirements } from '../../chain/read/availableCount.js'
import type { ChainTask } from '../../chain/read/task.js'

/** What a draw asks of the nodes. */
export const requirementsOf = (task: Pick<ChainTask, 'kind' | 'minVramGb' | 'gpuModel'>): NodeRequirements => ({
  sameGpu: task.kind === 'text',
  minVramGb: task.minVramGb,
  gpuModel: task.gpuModel,
})

/** Number of result files of a task. */
export const fileCountOf = (task: Pick<ChainTask, 'kind' | 'imageCount'>): number =>
  task.kind === 'image' ? task.imageCount : 1

/** How the result files' names end. */
export const extensionOf = (task: Pick<ChainTask, 'kind'>): 'png' | 'json' => (task.kind === 'image' ? 'png' : 'json')

/** The score that the task's uploader revealed; `0x` before there is one. */
export const scoreOfUploader = (task: Pick<ChainTask, 'slots' | 'uploader'>): Hex =>
  task.slots.find(({ node }) => node.toLowerCase() === task.uploader?.toLowerCase())?.score ?? '0x'
