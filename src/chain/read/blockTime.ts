import { call } from '../call.js'
import type { ChainReader } from '../client.js'

/** A block's timestamp in Unix seconds. */
export const readBlockTime = async (chain: ChainReader, { blockNumber }: { blockNumber: number }): Promise<number> =>
  Number((await call(chain.client.getBlock({ blockNumber: BigInt(blockNumber) }))).timestamp)
