import { call } from '../call.js'
import type { ChainReader } from '../client.js'

/** The newest block's timestamp in Unix seconds: the only clock that deadlines know. */
export const readChainTime = async (chain: ChainReader): Promise<number> =>
  Number((await call(chain.client.getBlock())).timestamp)
