import { encodeFunctionData } from 'viem'
import type { Address, Hex } from '../../base/hex.js'
import { taskIdOf } from '../../protocol/taskId.js'
import { taskConsensusAbi } from '../abi.generated.js'
import type { ChainWriter } from '../client.js'
import { TASK_KINDS, type TaskKind } from '../read/task.js'
import { type Sent, sendContractCall } from '../send.js'

/** What the creator of a task asks for. */
export type TaskRequest = {
  /** 32 bytes chosen by the creator; the same key never makes two tasks. */
  taskKey: Hex
  kind: TaskKind
  /** 1…10 for images, 0 for text. */
  imageCount: number
  /** For images. */
  minVramGb: number
  /** For text: keccak256 of the model's name, or 32 zero bytes for any. */
  gpuModel: Hex
  executionTimeoutSeconds: number
  /** One of the network's relays, by its signer. */
  relay: Address
  argsHash: Hex
  feeWei: bigint
}

/** Escrows the fee from the wallet's ledger balance and queues the task. */
export async function createTask(chain: ChainWriter, request: TaskRequest): Promise<Sent & { taskId: Hex }> {
  const { sent } = await sendContractCall(chain, {
    to: chain.profile.contracts.consensus,
    data: encodeFunctionData({
      abi: taskConsensusAbi,
      functionName: 'createTask',
      args: [{ ...request, kind: TASK_KINDS.indexOf(request.kind) }],
    }),
  })
  return { ...sent, taskId: taskIdOf({ creator: chain.account.address, taskKey: request.taskKey }) }
}
