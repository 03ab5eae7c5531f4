import { decodeFunctionData, getAbiItem } from 'viem'
import type { Address, Hex } from '../../base/hex.js'
import { taskConsensusAbi } from '../abi.generated.js'
import { call } from '../call.js'
import type { ChainReader } from '../client.js'
import { readLogs } from '../logs.js'

const revealed = getAbiItem({ abi: taskConsensusAbi, name: 'Revealed' })

/** The salt with which a node revealed, taken from its transaction: public from then on. Null when it has not revealed. */
export async function readRevealSalt(
  chain: ChainReader,
  { taskId, node }: { taskId: Hex; node: Address },
): Promise<Hex | null> {
  const [log] = await readLogs(chain, {
    address: chain.profile.contracts.consensus,
    event: revealed,
    args: { taskId, node },
  })
  if (!log) return null
  const transaction = await call(chain.client.getTransaction({ hash: log.transactionHash }))
  const { functionName, args } = decodeFunctionData({ abi: taskConsensusAbi, data: transaction.input })
  return functionName === 'reveal' ? args[4] : null
}
