import { getAbiItem } from 'viem'
import type { Address, Hex } from '../../base/hex.js'
import { retry } from '../../base/retry.js'
import { taskConsensusAbi } from '../abi.generated.js'
import { ChainUnreachableError } from '../chainError.js'
import type { ChainReader } from '../client.js'
import { readLogs } from '../logs.js'

const taskQueued = getAbiItem({ abi: taskConsensusAbi, name: 'TaskQueued' })
const uploadReported = getAbiItem({ abi: taskConsensusAbi, name: 'UploadReported' })

/** Tasks whose hashes are remembered; a role follows a handful at a time. */
const REMEMBERED = 256

type LogQuery = { taskId: Hex; createdBlock: number }

/**
 * The salted hash of a task's arguments. The contract never needs it, so it is kept in the log of the creating block only.
 *
 * @throws ChainUnreachableError when the endpoint does not serve that log.
 */
export async function readArgsHash(chain: ChainReader, { taskId, createdBlock }: LogQuery): Promise<Hex> {
  return remembered(chain, `args ${taskId} ${createdBlock}`, async () => {
    const [log] = await readLogs(chain, {
      address: chain.profile.contracts.consensus,
      event: taskQueued,
      args: { taskId },
      fromBlock: createdBlock,
      toBlock: createdBlock,
    })
    return log?.args.argsHash
  })
}

/**
 * The digest of the sealed result that `uploader` reported; kept in the log only, as above.
 *
 * @throws ChainUnreachableError when the endpoint does not serve that log.
 */
export async function readResultDigest(
  chain: ChainReader,
  { taskId, createdBlock, uploader }: LogQuery & { uploader: Address },
): Promise<Hex> {
  return remembered(chain, `result ${taskId} ${createdBlock} ${uploader}`, async () => {
    const logs = await readLogs(chain, {
      address: chain.profile.contracts.consensus,
      event: uploadReported,
      args: { taskId, uploader },
      fromBlock: createdBlock,
    })
    return logs.at(-1)?.args.resultDigest
  })
}

const memories = new WeakMap<object, Map<string, Hex>>()

/** Of several endpoints behind one address, one can know a task before another knows its logs. */
async function remembered(chain: ChainReader, key: string, read: () => Promise<Hex | undefined>): Promise<Hex> {
  let memory = memories.get(chain.client)
  if (!memory) {
    memory = new Map()
    memories.set(chain.client, memory)
  }
  const known = memory.get(key)
  if (known) return known
  const found = await retry(
    async () => {
      const hash = await read()
      if (hash === undefined) throw new ChainUnreachableError('it knows a task but not the log of it')
      return hash
    },
    { clock: chain.clock, attempts: 4, ...(chain.signal ? { signal: chain.signal } : {}) },
  )
  memory.set(key, found)
  const [oldest] = memory.keys()
  if (memory.size > REMEMBERED && oldest !== undefined) memory.delete(oldest)
  return found
}
