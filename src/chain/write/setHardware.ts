import { encodeFunctionData } from 'viem'
import type { Hex } from '../../base/hex.js'
import { nodeRegistryAbi } from '../abi.generated.js'
import type { ChainWriter } from '../client.js'
import { type Sent, sendContractCall } from '../send.js'

/** Registers another GPU model (keccak256 of its name) and amount of memory; not while the node is busy. */
export async function setHardware(
  chain: ChainWriter,
  { gpuModel, vramGb }: { gpuModel: Hex; vramGb: number },
): Promise<Sent> {
  const { sent } = await sendContractCall(chain, {
    to: chain.profile.contracts.registry,
    data: encodeFunctionData({ abi: nodeRegistryAbi, functionName: 'setHardware', args: [gpuModel, vramGb] }),
  })
  return sent
}
