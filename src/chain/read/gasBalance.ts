import type { Address } from '../../base/hex.js'
import { call } from '../call.js'
import type { ChainReader } from '../client.js'

/** An account's amount of the coin that pays for gas on this chain, in wei of that coin. */
export const readGasBalance = (chain: ChainReader, { account }: { account: Address }): Promise<bigint> =>
  call(chain.client.getBalance({ address: account }))
