import type { Hex } from '../../base/hex.js'
import { nodeRegistryAbi } from '../abi.generated.js'
import { call } from '../call.js'
import type { ChainReader } from '../client.js'

export type NodeRequirements = {
  /** Text tasks: all three nodes have the same GPU model. */
  sameGpu: boolean
  minVramGb: number
  /** 32 zero bytes for any. */
  gpuModel: Hex
}

/** How many nodes could be drawn now for such a task; with `sameGpu` and no model, the largest free group. */
export const readAvailableCount = async (chain: ChainReader, requirements: NodeRequirements): Promise<number> =>
  Number(
    await call(
      chain.client.readContract({
        address: chain.profile.contracts.registry,
        abi: nodeRegistryAbi,
        functionName: 'availableCount',
        args: [requirements.sameGpu, requirements.minVramGb, requirements.gpuModel],
      }),
    ),
  )
